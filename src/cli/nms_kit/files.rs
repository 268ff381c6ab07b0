//! Where a kit's files go: into a folder, each in one step and all at the end; or to standard output, if there is one only.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::Failure;
use crate::kit::File;

pub(super) enum Files {
    /// Those of a folder: as far as they are written, beside the files that they will take the place of.
    Folder { dir: PathBuf, open: Vec<Open>, failed: Option<Failure> },
    /// As there is no folder.
    Memory(Vec<File>),
}

pub(super) struct Open {
    path: String,
    part: PathBuf,
    file: BufWriter<fs::File>,
}

impl Files {
    pub fn new(dir: Option<&Path>) -> Files {
        match dir {
            Some(dir) => Files::Folder { dir: dir.to_owned(), open: Vec::new(), failed: None },
            None => Files::Memory(Vec::new()),
        }
    }

    /// Appends to the file of that path. What fails shows at the end.
    pub fn put(&mut self, file: File) {
        match self {
            Files::Memory(files) => match files.iter_mut().find(|known| known.path == file.path) {
                Some(known) => known.text.push_str(&file.text),
                None => files.push(file),
            },
            Files::Folder { failed: Some(_), .. } => {}
            Files::Folder { dir, open, failed } => {
                if let Err(error) = append(dir, open, &file) {
                    let message = format!("cannot write {}: {error}", dir.join(&file.path).display());
                    *failed = Some(Failure::new(message, ""));
                }
            }
        }
    }

    /// Puts all files in their places, or the one to standard output. Gives where they are now.
    ///
    /// # Errors
    /// The disk's; several files and no folder.
    pub fn finish(mut self, out: &mut dyn Write) -> Result<Vec<PathBuf>, Failure> {
        match &mut self {
            Files::Memory(files) => match &files[..] {
                [file] => {
                    out.write_all(file.text.as_bytes())?;
                    Ok(Vec::new())
                }
                files => {
                    for file in files {
                        writeln!(out, "{}", file.path)?;
                    }
                    out.flush()?;
                    Err(Failure::new(
                        format!("these are {} files: name a folder for them", files.len()),
                        "add --out DIR",
                    ))
                }
            },
            Files::Folder { failed: Some(failure), .. } => Err(std::mem::replace(failure, Failure::Told)),
            Files::Folder { dir, open, .. } => {
                let mut written = Vec::new();
                for Open { path, part, file } in open {
                    let path = dir.join(path);
                    file.flush()
                        .and_then(|()| file.get_ref().sync_all())
                        .and_then(|()| fs::rename(&part, &path))
                        .map_err(|error| {
                            Failure::new(format!("cannot write {}: {error}", path.display()), "")
                        })?;
                    written.push(path);
                }
                Ok(written)
            }
        }
    }
}

impl Drop for Files {
    /// What has not come to its place is removed.
    fn drop(&mut self) {
        if let Files::Folder { open, .. } = self {
            for Open { part, .. } in open {
                let _ = fs::remove_file(part);
            }
        }
    }
}

fn append(dir: &Path, open: &mut Vec<Open>, file: &File) -> io::Result<()> {
    let known = open.iter().position(|known| known.path == file.path);
    let at = match known {
        Some(at) => at,
        None => {
            let path = dir.join(&file.path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            remove_forsaken(&path);
            let mut part = path.into_os_string();
            part.push(format!(".{}.part", std::process::id()));
            let part = PathBuf::from(part);
            let mode = if file.secret { 0o600 } else { 0o644 };
            let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
            open.push(Open { path: file.path.clone(), part, file: BufWriter::new(written) });
            open.len() - 1
        }
    };
    open[at].file.write_all(file.text.as_bytes())
}

/// Removes what a killed run has left of the file: `NAME.PID.part` of a process that is gone.
fn remove_forsaken(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return;
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let of_file = entry.file_name();
        let rest = of_file.to_str().and_then(|of_file| of_file.strip_prefix(name));
        let pid = rest.and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".part")?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
