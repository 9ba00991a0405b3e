//! Keys and tokens of vendors by how they begin, for texts that are nothing but one value, such as a segment of a path.
//!
//! A longer list than that of [`super::token`], which searches whole bodies for its literals and pays for each of them.

use super::text::is_base64url;

/// How a key begins, and the fewest characters that follow. Forms as the issuers document them and as scanners for
/// secrets know them; forms that only a word nearby tells from other texts are missing.
const BEGINNINGS: &[(&str, usize)] = &[
    ("A3-", 28),
    ("ABSK", 100),
    ("AGE-SECRET-KEY-1", 58),
    ("AKCp", 60),
    ("API-", 26),
    ("AQVN", 35),
    ("ATATT", 50),
    ("ATBB", 28),
    ("ATCTT", 50),
    ("BBDC-", 40),
    ("CFPAT-", 40),
    ("CLOJARS_", 40),
    ("EAA", 60),
    ("EZAK", 54),
    ("EZTK", 54),
    ("FLWPUBK", 32),
    ("FLWSECK", 12),
    ("GOCSPX-", 28),
    ("GR1348941", 20),
    ("HRKU-", 30),
    ("LTAI", 16),
    ("NRAK-", 27),
    ("NRII-", 32),
    ("NRJS-", 19),
    ("PMAK-", 40),
    ("SK", 32),
    ("access-development-", 36),
    ("access-production-", 36),
    ("access-sandbox-", 36),
    ("amzn.mws.", 36),
    ("api_org_", 34),
    ("bedrock-api-key-", 20),
    ("cmVmd", 59),
    ("dapi", 32),
    ("dckr_oat_", 27),
    ("dckr_pat_", 27),
    ("dnkey-", 60),
    ("doo_v1_", 64),
    ("dor_v1_", 64),
    ("dp.", 40),
    ("dt0c01.", 60),
    ("dt0s01.", 60),
    ("duffel_", 40),
    ("figd_", 40),
    ("fio-u-", 50),
    ("fm1a_", 60),
    ("fm1r_", 60),
    ("fm2_", 60),
    ("fo1_", 43),
    ("glagent-", 50),
    ("glc_", 32),
    ("glcbt-", 20),
    ("gldt-", 20),
    ("glffct-", 20),
    ("glft-", 20),
    ("glimt-", 20),
    ("gloas-", 64),
    ("glptt-", 40),
    ("glrt-", 20),
    ("glsa_", 40),
    ("glsoat-", 20),
    ("gsk_", 40),
    ("hvb.", 90),
    ("hvs.", 24),
    ("ico-", 32),
    ("key-", 32),
    ("lin_api_", 40),
    ("lin_oauth_", 40),
    ("live_", 35),
    ("lsv2_", 40),
    ("nfp_", 36),
    ("ntn_", 46),
    ("ops_eyJ", 60),
    ("p8e-", 32),
    ("pat", 70),
    ("pat.", 60),
    ("phc_", 40),
    ("phx_", 40),
    ("pk.eyJ", 50),
    ("pnu_", 36),
    ("pplx-", 48),
    ("pscale_", 32),
    ("pubkey-", 32),
    ("pul-", 40),
    ("pypi-", 50),
    ("r8_", 37),
    ("rdme_", 60),
    ("rk_prod_", 16),
    ("rubygems_", 48),
    ("s-s4t2", 60),
    ("sat.", 60),
    ("sbp_", 40),
    ("secret_", 40),
    ("sgp_", 40),
    ("sha256~", 43),
    ("shippo_", 40),
    ("shpca_", 32),
    ("shppa_", 32),
    ("shpss_", 32),
    ("sk-", 40),
    ("sk.eyJ", 50),
    ("sk_prod_", 16),
    ("sl.", 100),
    ("sm_aat_", 16),
    ("sm_pat_", 16),
    ("sm_sat_", 16),
    ("sntrys_", 40),
    ("sntryu_", 64),
    ("sqa_", 40),
    ("sqp_", 40),
    ("squ_", 40),
    ("t1.", 80),
    ("test_", 35),
    ("tfp_", 40),
    ("tk-us-", 40),
    ("tskey-", 30),
    ("v1.0-", 100),
    ("vercel_", 24),
    ("whsec_", 24),
    ("xai-", 60),
    ("xkeysib-", 60),
    ("xoxe", 40),
    ("xoxo-", 20),
    ("xsmtpsib-", 60),
    ("ya29.", 40),
];

/// The fewest bytes of a key of this list.
pub(super) const SHORTEST: usize = 16;

/// Whether a text is a vendor's key: it begins like one, is long enough, and what follows is no words.
pub(super) fn is_key(text: &[u8]) -> bool {
    let Some(first) = text.first().filter(|_| text.len() >= SHORTEST) else {
        return false;
    };
    let mut beginnings = BEGINNINGS
        .iter()
        .filter(|(beginning, _)| beginning.as_bytes().first() == Some(first));
    beginnings.any(|(beginning, least)| {
        let rest = text.strip_prefix(beginning.as_bytes());
        rest.is_some_and(|rest| {
            rest.len() >= *least && is_mixed(rest) && rest.iter().copied().all(is_key_byte)
        })
    })
}

fn is_key_byte(byte: u8) -> bool {
    is_base64url(byte) || matches!(byte, b'.' | b'=' | b'~' | b'+' | b'/' | b'%' | b':' | b'!')
}

/// Whether a text has several digits, or capitals among small letters, as names rarely have.
fn is_mixed(text: &[u8]) -> bool {
    let count = |wanted: fn(&u8) -> bool| text.iter().filter(|byte| wanted(byte)).count();
    let digits = count(u8::is_ascii_digit);
    digits > 2 || count(u8::is_ascii_uppercase) > 3 && count(u8::is_ascii_lowercase) > 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_in_order_and_long_enough() {
        assert!(BEGINNINGS.is_sorted());
        for (beginning, least) in BEGINNINGS {
            assert!(beginning.len() + least >= SHORTEST, "{beginning}");
        }
    }

    #[test]
    fn keys_are_told_from_names() {
        let random = "k3Jd92mQpX7vL0aZ".repeat(10);
        for (beginning, least) in BEGINNINGS {
            let key = format!("{beginning}{}", &random[..*least]);
            assert!(is_key(key.as_bytes()), "{key}");
        }
        for name in [
            "key-performance-indicators-of-the-whole-company",
            "live_streams_of_the_championship_in_the_north",
            "test_results_of_all_the_suites_that_were_run",
            "secret_santa_gifts_of_everybody_in_the_office",
            "API-documentation-for-developers",
            "SK32",
            "pattern-library-of-components",
        ] {
            assert!(!is_key(name.as_bytes()), "{name}");
        }
    }
}
