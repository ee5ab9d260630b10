//! The store in one local file: durable, with no server to run.
//!
//! [`EmbeddedStore`] keeps records, sets and queues under the same keys and
//! with the same bytes as every other store. What it promises:
//!
//! - **Answered is durable.** A command that changes something is answered only
//!   after the file has been synced. A power cut takes nothing back.
//! - **One writer, many commands per sync.** Syncing costs milliseconds, so a
//!   single thread drains the queue of commands and makes all of them durable in
//!   one transaction. Under load a thousand writes cost a few syncs.
//! - **Reads do not wait** for the writer: they see the last durable state.
//! - **One owner.** The file is locked; a second opener is told who is in the
//!   way. This makes the store one for a single replica by nature.
//! - **A disk that fails is named.** While it takes no writes, a full one for
//!   instance, reads go on where the file can be opened; what cannot be done is
//!   refused at once with the disk's own words, and tried again after a pause.
//! - **No lies after a fault of the disk.** If a sync fails, the writes in it are
//!   answered as [`Indefinite`](coordinator::store::StoreError::Indefinite) and
//!   the file is opened and checked anew before anything else is answered.
//!
//! [`SplitStore`] is for a coordinator whose services keep queues and cursors in
//! a Redis: it sends the commands on those keys there, all others to the file.

mod disk;
mod error;
mod file;
mod split;
mod staged;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod trouble;
mod writer;

pub use error::OpenError;
pub use file::FORMAT;
pub use split::SplitStore;
pub use store::EmbeddedStore;
