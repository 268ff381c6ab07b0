//! All profiles of this process: the shipped ones and the user's own.

use std::path::{Path, PathBuf};

use super::{Ownership, ProfileFile, parse};
use crate::file::{self, Diagnostic, Severity};

/// File name and text of the profiles that come with the program. Their product numbers are fixed for ever.
pub const SHIPPED: [(&str, &str); 5] = [
    ("json-sensor.toml", include_str!("../profiles/json-sensor.toml")),
    ("tasmota.toml", include_str!("../profiles/tasmota.toml")),
    ("rfid-reader.toml", include_str!("../profiles/rfid-reader.toml")),
    ("gateway.toml", include_str!("../profiles/gateway.toml")),
    ("gateway-child.toml", include_str!("../profiles/gateway-child.toml")),
];

/// Profiles in the order: shipped, then own by file name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    pub shelf: Vec<Shelved>,
    /// Warnings and notes of the user's own files, and which shipped profiles they replace.
    pub notes: Vec<Diagnostic>,
}

#[derive(Clone, Debug)]
pub struct Shelved {
    pub file: ProfileFile,
    pub origin: Origin,
    /// As written.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Shipped,
    Own(PathBuf),
}

impl Library {
    /// The shipped profiles and the `*.toml` files of a folder, which need not exist. An own profile of the same name
    /// takes the place of a shipped one.
    ///
    /// # Errors
    /// All problems of all files, if one is an error.
    pub fn load(dir: Option<&Path>) -> Result<Library, Vec<Diagnostic>> {
        let mut library = Library::default();
        let mut problems = Vec::new();
        for (name, text) in SHIPPED {
            match parse(name, text, Ownership::Shipped) {
                Ok((file, _)) => {
                    library.shelf.push(Shelved { file, origin: Origin::Shipped, text: text.to_owned() });
                }
                Err(found) => problems.extend(found),
            }
        }
        for path in own_files(dir, &mut problems) {
            match read_own(&path) {
                Ok((shelved, notes)) => {
                    library.notes.extend(notes);
                    library.add_own(shelved, &path, &mut problems);
                }
                Err(found) => problems.extend(found),
            }
        }
        library.check_parents(&mut problems);
        if file::has_errors(&problems) { Err(problems) } else { Ok(library) }
    }

    pub fn find(&self, name: &str) -> Option<&Shelved> {
        self.shelf.iter().find(|shelved| shelved.file.profile.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shelf.iter().map(|shelved| shelved.file.profile.name.as_str())
    }

    fn add_own(&mut self, shelved: Shelved, path: &Path, problems: &mut Vec<Diagnostic>) {
        let name = shelved.file.profile.name.clone();
        let shown = path.display().to_string();
        let Some(known) = self.shelf.iter_mut().find(|known| known.file.profile.name == name) else {
            self.shelf.push(shelved);
            return;
        };
        match &known.origin {
            Origin::Shipped => {
                let message = format!("profile `{name}` takes the place of the shipped one of that name");
                self.notes.push(Diagnostic {
                    severity: Severity::Note,
                    ..Diagnostic::whole_file(&shown, message, "rename it to have both")
                });
                *known = shelved;
            }
            Origin::Own(other) => {
                let message = format!("profile `{name}` is also defined in {}", other.display());
                problems.push(Diagnostic::whole_file(&shown, message, "rename one of them"));
            }
        }
    }

    fn check_parents(&self, problems: &mut Vec<Diagnostic>) {
        for shelved in &self.shelf {
            let Some(parent) = &shelved.file.parent else { continue };
            if self.find(parent).is_some() {
                continue;
            }
            let name = match &shelved.origin {
                Origin::Shipped => shelved.file.profile.name.clone(),
                Origin::Own(path) => path.display().to_string(),
            };
            let guess = file::nearest(parent, self.names())
                .map(|guess| format!("did you mean `{guess}`? "))
                .unwrap_or_default();
            let help = format!("{guess}profiles: {}", self.names().collect::<Vec<_>>().join(", "));
            let message = format!("there is no profile `{parent}`, named in [parent]");
            problems.push(Diagnostic::whole_file(&name, message, &help));
        }
    }
}

fn read_own(path: &Path) -> Result<(Shelved, Vec<Diagnostic>), Vec<Diagnostic>> {
    let text = file::load(path).map_err(|problem| vec![problem])?;
    let (file, notes) = parse(&path.display().to_string(), &text, Ownership::Own)?;
    Ok((Shelved { file, origin: Origin::Own(path.to_owned()), text }, notes))
}

/// Sorted by name.
fn own_files(dir: Option<&Path>, problems: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let Some(dir) = dir else { return Vec::new() };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let message = format!("the folder of profiles cannot be read: {error}");
            problems.push(Diagnostic::whole_file(&dir.display().to_string(), message, ""));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}
