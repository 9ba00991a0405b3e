//! `parityEven7bit`, `parityOdd7bit`, `parityZero7bit`.

fn parity(input: &[u8], odd: bool, out: &mut Vec<u8>) {
    out.extend(input.iter().map(|byte| {
        let low = byte & 0x7f;
        // The highest bit makes the number of ones odd or even.
        if (low.count_ones() % 2 == 1) == odd {
            low
        } else {
            low | 0x80
        }
    }));
}

pub(super) fn even(input: &[u8], out: &mut Vec<u8>) {
    parity(input, false, out);
}

pub(super) fn odd(input: &[u8], out: &mut Vec<u8>) {
    parity(input, true, out);
}

pub(super) fn zero(input: &[u8], out: &mut Vec<u8>) {
    out.extend(input.iter().map(|byte| byte & 0x7f));
}
