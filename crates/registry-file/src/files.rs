//! Reading files: bounded, and only from where they belong.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::problem::Problem;

/// The largest registry file, in bytes.
pub(crate) const FILE_LEN_MAX: u64 = 64 << 20;

/// The most files of a folder that are looked at.
const FOLDER_FILES_MAX: usize = 10_000;

/// The end of the name of the file with the versions.
pub(crate) const VERSIONS: &str = ".versions.json";

/// What shows that a file was changed: its length and time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    len: u64,
    /// In milliseconds since 1970; `None` if the file system does not say.
    pub(crate) changed: Option<u64>,
    nanos: u32,
}

/// The stamp of the file at `path`, if it is there.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    let since = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Some(Stamp {
        len: metadata.len(),
        changed: since.and_then(|since| u64::try_from(since.as_millis()).ok()),
        nanos: since.map_or(0, |since| since.subsec_nanos()),
    })
}

/// Refuses what can never be read again and again, if anything is at `path`. It is not
/// opened: that would wait for the other end of a pipe.
pub(crate) fn expect_file_or_folder(path: &Path) -> Result<(), Problem> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => Err(Problem::of(
            path,
            "it is a pipe, a socket or a device; the registry is a regular file or a folder, which \
             is read again and again",
        )),
        // What is not there may come yet.
        _ => Ok(()),
    }
}

/// Reads a file of at most `len_max` bytes.
pub(crate) fn read(path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let file = File::open(path)?;
    file.take(len_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > len_max {
        return Err(io::Error::other(format!(
            "it has more than {len_max} bytes"
        )));
    }
    Ok(bytes)
}

/// The registry files at `root`: itself, or the `.toml` and `.json` files of a
/// folder, ordered by name. Hidden files and those with versions are left out.
pub(crate) fn list(root: &Path) -> Result<Vec<PathBuf>, Problem> {
    let failed = |error: io::Error| Problem::of(root, format!("it cannot be read: {error}"));
    if !fs::metadata(root).map_err(failed)?.is_dir() {
        return Ok(vec![root.to_owned()]);
    }
    let mut found = Vec::new();
    for (count, entry) in fs::read_dir(root).map_err(failed)?.enumerate() {
        if count == FOLDER_FILES_MAX {
            let message = format!("the folder has more than {FOLDER_FILES_MAX} files");
            return Err(Problem::of(root, message));
        }
        let path = entry.map_err(failed)?.path();
        if is_registry(&path) && !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn is_registry(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = path.extension().unwrap_or_default();
    !name.starts_with('.') && !name.ends_with(VERSIONS) && (kind == "toml" || kind == "json")
}

/// Whether the contract's JSON is expected of it, or else TOML.
pub(crate) fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "json")
}

/// The file `name` that the registry file `by` mentions. It must lie in the
/// folder of `by` or below, links included.
pub(crate) fn beside(by: &Path, name: &str) -> Result<PathBuf, String> {
    let relative = Path::new(name);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain || name.is_empty() {
        return Err(format!(
            "`{}` leaves the folder: name a file in the folder of the registry file or below it",
            crate::problem::brief(name)
        ));
    }
    let folder = match by.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let path = folder.join(relative);
    let failed = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let real = path.canonicalize().map_err(failed)?;
    if !real.starts_with(folder.canonicalize().map_err(failed)?) {
        return Err(format!(
            "{} is a link that leaves the folder",
            path.display()
        ));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.js"), "x").unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/a.js"), "a").unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("sub/a.js", dir.path().join("inner.js")).unwrap();
        let by = dir.path().join("registry.toml");
        for fine in ["sub/a.js", "./sub/a.js", "inner.js"] {
            assert!(beside(&by, fine).is_ok(), "{fine}");
        }
        let absolute = outside.path().join("secret.js").display().to_string();
        for bad in [
            "",
            "../x",
            "sub/../../x",
            "link/secret.js",
            "none.js",
            &absolute,
        ] {
            assert!(beside(&by, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_is_listed_by_name_without_what_is_no_registry() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b.toml",
            "a.json",
            "c.js",
            ".d.toml",
            "x.versions.json",
            "e.txt",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("f.toml")).unwrap();
        let names: Vec<String> = list(dir.path())
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a.json", "b.toml"]);
        let file = dir.path().join("c.js");
        assert_eq!(
            list(&file),
            Ok(vec![file.clone()]),
            "a single file has any name"
        );
        assert!(list(&dir.path().join("none")).is_err());
    }

    #[test]
    fn what_is_read_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(
            read(&path, 4)
                .unwrap_err()
                .to_string()
                .contains("more than 4")
        );
        assert!(read(dir.path(), 4).is_err());
    }
}
