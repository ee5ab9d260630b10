//! What is kept from a disk reads as if it were there, and comes there as it was written.

use proptest::prelude::*;
use redb::StorageBackend;

use super::faulty::{Fault, Faulty};
use crate::staged::Staged;

/// Something that is done to both a staged disk and a list of bytes.
#[derive(Clone, Debug)]
enum Step {
    Write(u16, Vec<u8>),
    Resize(u16),
    Sync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = (0..20_000u16, prop::collection::vec(any::<u8>(), 1..6_000));
    let step = prop_oneof![
        4 => write.prop_map(|(at, data)| Step::Write(at, data)),
        2 => (0..20_000u16).prop_map(Step::Resize),
        1 => Just(Step::Sync),
    ];
    prop::collection::vec(step, 0..12)
}

fn contents(disk: &dyn StorageBackend) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(disk.len().unwrap()).unwrap()];
    disk.read(0, &mut bytes).unwrap();
    bytes
}

fn disk_with(bytes: &[u8]) -> Faulty {
    let disk = Faulty::new(1);
    disk.write(0, bytes).unwrap();
    disk
}

fn staged(disk: &Faulty) -> Staged {
    Staged::new(Box::new(disk.clone())).unwrap()
}

fn step(disk: &dyn StorageBackend, plain: &mut Vec<u8>, step: &Step) {
    match step {
        Step::Write(at, data) => {
            disk.write(u64::from(*at), data).unwrap();
            let end = usize::from(*at) + data.len();
            plain.resize(plain.len().max(end), 0);
            plain[usize::from(*at)..end].copy_from_slice(data);
        }
        Step::Resize(length) => {
            disk.set_len(u64::from(*length)).unwrap();
            plain.resize(usize::from(*length), 0);
        }
        Step::Sync => disk.sync_data().unwrap(),
    }
}

proptest! {
    #[test]
    fn staged_bytes_read_as_written_and_arrive_at_once(
        before in prop::collection::vec(any::<u8>(), 1..12_000),
        kept in steps(),
        passed in steps(),
        part in any::<(u16, u16)>(),
    ) {
        let disk = disk_with(&before);
        let staged = staged(&disk);
        let mut plain = before.clone();
        for one in &kept {
            step(&staged, &mut plain, one);
            prop_assert!(contents(&staged) == plain, "{one:?}");
        }
        prop_assert!(contents(&disk) == before, "the disk was written to");
        let from = usize::from(part.0) % (plain.len() + 1);
        let to = from + usize::from(part.1) % (plain.len() - from + 1);
        let mut read = vec![0; to - from];
        staged.read(from as u64, &mut read).unwrap();
        prop_assert!(read == plain[from..to], "{from} {to}");
        prop_assert!(staged.read(plain.len() as u64, &mut [0]).is_err());
        staged.let_through().unwrap();
        for one in &passed {
            step(&staged, &mut plain, one);
        }
        prop_assert!(contents(&staged) == plain && contents(&disk) == plain);
    }
}

#[test]
fn what_cannot_be_let_through_is_out_of_use() {
    let disk = disk_with(b"before");
    let staged = staged(&disk);
    staged.write(0, b"after!").unwrap();
    disk.set_fault(Fault::Full);
    assert!(staged.let_through().is_err());
    disk.set_fault(Fault::None);
    assert!(staged.let_through().is_err());
    assert!(staged.write(0, b"x").is_err() && staged.sync_data().is_err());
    assert!(staged.read(0, &mut [0]).is_err() && staged.len().is_err());
    assert_eq!(contents(&disk), b"before");
}
