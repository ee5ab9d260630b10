//! Where the bytes lie: a file, or in tests something that fails like one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::OpenError;

/// Something that a database can be opened on, again and again.
pub(crate) trait Disk: Send + Sync + 'static {
    /// What to call it.
    fn path(&self) -> &Path;

    /// Opens the bytes, which are made if there are none. They are locked till they are
    /// closed.
    fn open(&self) -> Result<Box<dyn StorageBackend>, OpenError>;

    /// Called after a failed write and before the next [`Disk::open`].
    fn distrust(&self) {}
}

/// A file in a directory, both made when needed and for the owner's eyes only.
pub(crate) struct FileDisk {
    path: PathBuf,
}

impl FileDisk {
    pub(crate) fn new(path: &Path) -> FileDisk {
        FileDisk {
            path: path.to_owned(),
        }
    }

    fn make_directory(&self) -> Result<PathBuf, OpenError> {
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        if !directory.is_dir() {
            private_directory()
                .create(&directory)
                .map_err(|error| OpenError::io(&directory, "creating the directory", error))?;
        }
        Ok(directory)
    }
}

impl Disk for FileDisk {
    fn path(&self) -> &Path {
        &self.path
    }

    fn open(&self) -> Result<Box<dyn StorageBackend>, OpenError> {
        let directory = self.make_directory()?;
        let file = private_file()
            .open(&self.path)
            .map_err(|error| OpenError::io(&self.path, "opening it", error))?;
        // A new file survives a power cut only if its directory was synced too.
        sync_directory(&directory)
            .map_err(|error| OpenError::io(&directory, "syncing the directory", error))?;
        let backend =
            FileBackend::new(file).map_err(|error| OpenError::from_redb(&self.path, error))?;
        Ok(Box::new(backend))
    }

    /// A kernel may keep pages in memory that it could not write, and call them
    /// clean. They must not be taken for what is on the disk.
    fn distrust(&self) {
        #[cfg(target_os = "linux")]
        if let Ok(file) = File::open(&self.path)
            && let Err(error) = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)
        {
            tracing::warn!(path = %self.path.display(), %error, "cached pages were not dropped");
        }
    }
}

#[cfg(unix)]
fn private_directory() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
}

#[cfg(not(unix))]
fn private_directory() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(directory: &Path) -> io::Result<()> {
    fs::metadata(directory).map(drop)
}

/// How many bytes the file has; 0 if that cannot be told.
pub(crate) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}
