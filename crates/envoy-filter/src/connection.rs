//! One connection to the control socket. It reads and writes, and never waits.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
};

use crate::frames;

/// How many bytes are read at a time.
const READ_BYTES: usize = 16 << 10;

/// The most bytes that are read before frames are acted on, so that a flood of frames cannot hold up events.
const MAX_READ_BYTES: usize = 8 << 20;

/// An open connection.
pub(crate) struct Connection {
    stream: UnixStream,
    input: Vec<u8>,
    read_at: usize,
    /// The frame that is being written, and how much of it is written already.
    writing: Vec<u8>,
    written: usize,
    /// Answers and statistics; they go before events.
    urgent: VecDeque<Vec<u8>>,
    events: VecDeque<Vec<u8>>,
    pending: usize,
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Connection {
    /// Connect. When the peer does not accept, this fails; nothing waits for the peer.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        // Without blocking: when the peer's backlog is full, connect(2) fails with EAGAIN, and the next attempt comes
        // later.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Self {
            stream: UnixStream::from(socket),
            input: Vec::new(),
            read_at: 0,
            writing: Vec::new(),
            written: 0,
            urgent: VecDeque::new(),
            events: VecDeque::new(),
            pending: 0,
        })
    }

    /// Queue a frame that goes out before all queued events. `None` (a frame over the limit) is left out.
    pub(crate) fn send(&mut self, frame: Option<Vec<u8>>) {
        if let Some(frame) = frame {
            self.pending += frame.len();
            self.urgent.push_back(frame);
        }
    }

    /// Queue a frame of events. `None` is left out.
    pub(crate) fn send_events(&mut self, frame: Option<Vec<u8>>) {
        if let Some(frame) = frame {
            self.pending += frame.len();
            self.events.push_back(frame);
        }
    }

    /// How many bytes wait to be written.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Read the bytes that have come.
    ///
    /// # Errors
    /// The peer closed, or the connection failed.
    pub(crate) fn read(&mut self) -> Result<(), String> {
        // Once for all frames that were handled, rather than once for each frame: every drain moves the bytes that are
        // left.
        self.input.drain(..std::mem::take(&mut self.read_at));
        let mut chunk = [0; READ_BYTES];
        let mut taken = 0;
        while taken < MAX_READ_BYTES {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err("the control plane closed the connection".into()),
                Ok(count) => {
                    taken += count;
                    self.input
                        .extend_from_slice(chunk.get(..count).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// The next whole frame that came: type and payload.
    ///
    /// # Errors
    /// The peer sent something that is not a frame.
    pub(crate) fn next_frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, String> {
        let rest = self.input.get(self.read_at..).unwrap_or_default();
        let Some((kind, payload, used)) = frames::decode(rest)? else {
            return Ok(None);
        };
        // Copied, because the answer to the frame is queued on this same connection.
        let payload = payload.to_vec();
        // Only the place moves on; `read` removes the bytes.
        self.read_at += used;
        Ok(Some((kind, payload)))
    }

    /// Write as much as the socket takes.
    ///
    /// # Errors
    /// The connection failed.
    pub(crate) fn write(&mut self) -> Result<(), String> {
        loop {
            let rest = self.writing.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                // Answers first: a bundle's result must not wait behind megabytes of events.
                let next = self.urgent.pop_front().or_else(|| self.events.pop_front());
                let Some(frame) = next else { break };
                (self.writing, self.written) = (frame, 0);
                continue;
            }
            // A peer that is gone is an error here, not a signal to the whole process.
            match send(&self.stream, rest, SendFlags::NOSIGNAL) {
                Ok(count) => {
                    self.written += count;
                    self.pending -= count;
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}
