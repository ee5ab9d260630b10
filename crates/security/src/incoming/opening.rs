//! What a peer says before it asks for anything.

/// What a client of HTTP/2 says first (RFC 9113, section 3.4).
const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The head of a frame: three bytes of length, one of type, five more.
const HEAD: usize = 9;

/// The type of the frame that begins a request.
const HEADERS: u8 = 1;

/// What a peer must have sent before its connection counts as used: the preface of
/// HTTP/2 and the head of the frame behind it. From then on the protocol's own pings
/// find out who is silent.
pub(super) const FIRST_WORDS: usize = PREFACE.len() + HEAD;

/// How far a peer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// It has said too little.
    Silent,
    /// It speaks, and has asked for nothing.
    Spoken,
    /// It has begun a request.
    Asked,
}

/// Listens to the beginning of a connection.
#[derive(Debug)]
pub(super) struct Opening {
    heard: usize,
    speaks_http2: bool,
    head: [u8; HEAD],
    filled: usize,
    /// What is left of a frame that is no request.
    skipped: usize,
    asked: bool,
}

impl Opening {
    pub(super) fn new() -> Opening {
        Opening {
            heard: 0,
            speaks_http2: true,
            head: [0; HEAD],
            filled: 0,
            skipped: 0,
            asked: false,
        }
    }

    /// Takes in what was said next.
    pub(super) fn hear(&mut self, said: &[u8]) -> Progress {
        for byte in said {
            if self.asked {
                break;
            }
            self.take(*byte);
        }
        match self.heard {
            _ if self.asked => Progress::Asked,
            0..FIRST_WORDS => Progress::Silent,
            // What it speaks ends it soon.
            _ if !self.speaks_http2 => Progress::Asked,
            _ => Progress::Spoken,
        }
    }

    fn take(&mut self, byte: u8) {
        let at = self.heard;
        self.heard = self.heard.saturating_add(1);
        if let Some(expected) = PREFACE.get(at) {
            self.speaks_http2 &= byte == *expected;
            return;
        }
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        if let Some(place) = self.head.get_mut(self.filled) {
            *place = byte;
            self.filled += 1;
        }
        if self.filled == HEAD {
            let [high, middle, low, kind, ..] = self.head;
            self.filled = 0;
            self.skipped = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            self.asked = self.speaks_http2 && kind == HEADERS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 0];
        // The content looks like a request.
        frame.extend(std::iter::repeat_n(HEADERS, usize::from(length)));
        frame
    }

    #[test]
    fn a_request_is_known_wherever_the_bytes_are_cut() {
        let quiet = [PREFACE.to_vec(), frame(4, 18), frame(8, 4), frame(6, 8)].concat();
        let all = [quiet.clone(), frame(HEADERS, 30)].concat();
        for size in 1..all.len() {
            let mut opening = Opening::new();
            let mut heard = 0;
            for part in all.chunks(size) {
                heard += part.len();
                let expected = match heard {
                    0..FIRST_WORDS => Progress::Silent,
                    heard if heard < quiet.len() + HEAD => Progress::Spoken,
                    _ => Progress::Asked,
                };
                assert_eq!(opening.hear(part), expected, "{heard} by {size}");
            }
        }
    }

    #[test]
    fn another_protocol_is_no_silence() {
        let mut opening = Opening::new();
        assert_eq!(opening.hear(b"GET / HTTP/1.1\r\n"), Progress::Silent);
        assert_eq!(opening.hear(b"host: coordinator\r\n"), Progress::Asked);
    }
}
