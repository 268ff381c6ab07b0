//! `fleetbridge password`

use std::io::{self, BufRead, Write};

use clap::Args;

use super::Failure;
use crate::login::Hash;

/// Make a line for the embedded broker's users-file, or the password-file of a [[user]]
#[derive(Debug, Args)]
#[command(after_help = "The password is the first line of standard input; only its Argon2 hash is printed.

Example:
  read -rs PASSWORD; echo \"$PASSWORD\" | fleetbridge password plug-1 --topics tele/plug-1,stat/plug-1 >> broker.users
  chmod 600 broker.users
  (umask 077; fleetbridge password --hash < secret > admin.argon2)")]
pub(super) struct Password {
    /// The user's name, without `:`
    #[arg(required_unless_present = "hash")]
    name: Option<String>,
    /// Print the hash alone, as `password-file` of a [[user]] wants it
    #[arg(long, conflicts_with_all = ["name", "topics"])]
    hash: bool,
    /// Topics below which the user may publish and subscribe [default: everywhere]
    #[arg(long, value_delimiter = ',', value_name = "PREFIX,...")]
    topics: Vec<String>,
}

impl Password {
    pub fn run(self, out: &mut dyn Write) -> Result<(), Failure> {
        if let Some(name) = &self.name
            && (name.is_empty() || name.starts_with(['$', '#']) || name.contains([':', ' ']))
        {
            return Err(Failure::new(
                format!("{name:?} cannot be a user's name"),
                "a name has no `:` and no blank, and does not begin with `$` or `#`",
            ));
        }
        let mut password = zeroize::Zeroizing::new(String::new());
        io::stdin().lock().read_line(&mut password)?;
        let password = password.trim_end_matches(['\n', '\r']);
        if password.is_empty() {
            return Err(Failure::new("there is no password on standard input", ""));
        }
        let hash = Hash::of(password).map_err(|error| Failure::new(error, ""))?;
        let topics =
            if self.topics.is_empty() { String::new() } else { format!(":{}", self.topics.join(",")) };
        match self.name {
            Some(name) => Ok(writeln!(out, "{name}:{}{topics}", hash.as_str())?),
            None => Ok(writeln!(out, "{}", hash.as_str())?),
        }
    }
}
