//! Inputs that are nearly right: what is kept, with a few edits.

use std::fmt;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;

/// The longest input; larger ones only take longer.
const LEN_MAX: usize = 64 << 10;

/// The most edits of one input.
const EDITS_MAX: usize = 6;

/// The longest part that an edit moves or repeats.
const PART_MAX: usize = 200;

/// An input, shown so that it can be written down again.
#[derive(Clone)]
pub struct Input(pub Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "b\"{}\"", self.0.escape_ascii())
    }
}

/// One change of an input.
#[derive(Clone, Debug)]
enum Edit {
    /// Turns a bit of a byte.
    Flip(Index, u8),
    /// Takes out a part.
    Cut(Index, usize),
    /// Puts in anything.
    Bytes(Index, Vec<u8>),
    /// Puts in a word, or puts it in place of as many bytes.
    Word(Index, Index, bool),
    /// Puts in a part of another input.
    Splice(Index, Index, Index, usize),
    /// Repeats a part: fields that stand twice, deep nesting, long names.
    Repeat(Index, usize, usize),
    /// Puts another number in place of one.
    Number(Index, &'static str),
    /// Drops everything behind a place.
    End(Index),
}

const NUMBERS: [&str; 10] = [
    "0",
    "-0",
    "-1",
    "1e3",
    "1e999",
    "0.1",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "00",
];

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        2 => (at(), 0_u8..8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        2 => (at(), 1..PART_MAX).prop_map(|(at, len)| Edit::Cut(at, len)),
        2 => (at(), 1_usize..4).prop_map(|(at, len)| Edit::Cut(at, len)),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, bytes)| Edit::Bytes(at, bytes)),
        4 => (at(), at(), any::<bool>())
            .prop_map(|(at, word, instead)| Edit::Word(at, word, instead)),
        3 => (at(), at(), at(), 1..PART_MAX)
            .prop_map(|(at, other, from, len)| Edit::Splice(at, other, from, len)),
        2 => (at(), 1..PART_MAX, 1_usize..4)
            .prop_map(|(at, len, times)| Edit::Repeat(at, len, times)),
        1 => (at(), 1_usize..6, 100_usize..2000)
            .prop_map(|(at, len, times)| Edit::Repeat(at, len, times)),
        2 => (at(), prop::sample::select(&NUMBERS[..]))
            .prop_map(|(at, number)| Edit::Number(at, number)),
        1 => at().prop_map(Edit::End),
    ]
}

/// Inputs made of the kept ones, words put in among other things.
pub fn of(kept: Vec<Vec<u8>>, words: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    let (kept, words) = (Arc::new(kept), Arc::new(words));
    let edits = prop::collection::vec(edit(), 1..=EDITS_MAX);
    (any::<Index>(), edits).prop_map(move |(first, edits)| {
        let mut bytes = kept[first.index(kept.len())].clone();
        for edit in edits {
            bytes = apply(edit, bytes, &kept, &words);
            bytes.truncate(LEN_MAX);
        }
        Input(bytes)
    })
}

fn apply(edit: Edit, mut bytes: Vec<u8>, kept: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
    let place = |at: Index, len: usize| at.index(len + 1);
    let part = |bytes: &[u8], at: usize, len: usize| {
        let end = bytes.len().min(at + len);
        bytes[at.min(end)..end].to_vec()
    };
    let here = bytes.len();
    match edit {
        Edit::Flip(at, bit) => {
            if let Some(byte) = bytes.get_mut(place(at, here)) {
                *byte ^= 1 << bit;
            }
        }
        Edit::Cut(at, len) => {
            let at = place(at, here);
            bytes.drain(at..here.min(at + len));
        }
        Edit::Bytes(at, put) => {
            let at = place(at, here);
            bytes.splice(at..at, put);
        }
        Edit::Word(at, word, instead) => {
            let (at, word) = (place(at, here), &words[word.index(words.len())]);
            let gone = if instead { word.len() } else { 0 };
            bytes.splice(at..here.min(at + gone), word.iter().copied());
        }
        Edit::Splice(at, other, from, len) => {
            let other = &kept[other.index(kept.len())];
            let put = part(other, place(from, other.len()), len);
            let at = place(at, here);
            bytes.splice(at..at, put);
        }
        Edit::Repeat(at, len, times) => {
            let at = place(at, here);
            let put = part(&bytes, at, len).repeat(times);
            bytes.splice(at..at, put);
        }
        Edit::Number(at, number) => {
            let digit = |byte: &u8| byte.is_ascii_digit();
            let at = place(at, here);
            if let Some(first) = bytes[at..].iter().position(digit).map(|first| at + first) {
                let len = bytes[first..].iter().take_while(|byte| digit(byte)).count();
                bytes.splice(first..first + len, number.bytes());
            }
        }
        Edit::End(at) => bytes.truncate(place(at, here)),
    }
    bytes
}

#[test]
fn each_edit_does_what_it_says() {
    let at = |index: usize| {
        // An index is a share of the length: the whole of it, or nothing.
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let found = (0..100_000).map(|_| {
            let tree = any::<Index>().new_tree(&mut runner).unwrap();
            proptest::strategy::ValueTree::current(&tree)
        });
        let mut found = found.filter(|at| at.index(7) == index && at.index(1) == 0);
        found.next().unwrap()
    };
    let kept = [b"KEPT".to_vec()];
    let words = [b"WD".to_vec()];
    let edited = |edit: Edit| {
        let bytes = apply(edit, b"ab12cd".to_vec(), &kept, &words);
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(edited(Edit::Flip(at(0), 0)), "`b12cd");
    assert_eq!(edited(Edit::Cut(at(4), 9)), "ab12");
    assert_eq!(edited(Edit::Bytes(at(6), b"x".to_vec())), "ab12cdx");
    assert_eq!(edited(Edit::Word(at(1), at(0), false)), "aWDb12cd");
    assert_eq!(edited(Edit::Word(at(1), at(0), true)), "aWD2cd");
    assert_eq!(edited(Edit::Splice(at(0), at(0), at(0), 2)), "KEab12cd");
    assert_eq!(edited(Edit::Repeat(at(0), 2, 2)), "ababab12cd");
    assert_eq!(edited(Edit::Number(at(1), "-0")), "ab-0cd");
    assert_eq!(edited(Edit::End(at(2))), "ab");
}
