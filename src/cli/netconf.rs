//! `fleetbridge netconf get | edit` and `fleetbridge candidate show | discard`

use std::{
    fs,
    io::{self, Read, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use quick_xml::{Reader, Writer, events::Event};

use super::{Failure, OneFormat, Place, device::printable};
use crate::control::{END, view};

const FLEET: &str = "urn:fleetbridge:yang:fleetbridge";

/// Read and edit as a NETCONF client does, without knowing its framing
#[derive(Debug, Args)]
#[command(
    after_help = "A session of an administrator through the control socket; other managers use SSH. Files hold XML, `-` is
standard input.

Examples:
  fleetbridge netconf get --device plug-0042
  echo '<fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\"><report/></fleet>' | fleetbridge netconf get -
  fleetbridge netconf edit tele-period.xml

tele-period.xml, for example:
  <fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\">
    <device>
      <name>plug-0042</name>
      <settings>
        <tasmota xmlns=\"urn:fleetbridge:yang:profile:tasmota\"><tele-period>60</tele-period></tasmota>
      </settings>
    </device>
  </fleet>"
)]
pub(super) struct Netconf {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show configuration and state: all of it, or what a filter selects
    Get {
        /// A subtree filter (RFC 6241 section 6)
        file: Option<PathBuf>,
        /// Only this device
        #[arg(long, value_name = "NAME", conflicts_with = "file")]
        device: Option<String>,
        /// Only configuration, of running
        #[arg(long)]
        configuration: bool,
    },
    /// Change configuration: edit-config, then commit
    Edit {
        /// What `<config>` holds
        file: PathBuf,
        /// Say whether it is valid, and change nothing
        #[arg(long)]
        test: bool,
    },
}

/// Look at what is staged and not committed, or forget it
#[derive(Debug, Args)]
pub(super) struct Candidate {
    #[command(subcommand)]
    action: CandidateAction,
}

#[derive(Debug, Subcommand)]
enum CandidateAction {
    /// Show what is staged, and by whom
    Show {
        #[arg(long, value_enum, default_value_t)]
        format: OneFormat,
    },
    /// Forget what is staged
    Discard,
}

impl Netconf {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let operations = match self.action {
            Action::Get { file, device, configuration } => {
                let filter = match (file, device) {
                    (Some(file), _) => read(&file)?,
                    (None, Some(name)) => {
                        let name = quick_xml::escape::escape(&name);
                        format!("<fleet xmlns=\"{FLEET}\"><device><name>{name}</name></device></fleet>")
                    }
                    (None, None) => format!("<fleet xmlns=\"{FLEET}\"/>"),
                };
                let filter = format!("<filter type=\"subtree\">{filter}</filter>");
                vec![if configuration {
                    format!("<get-config><source><running/></source>{filter}</get-config>")
                } else {
                    format!("<get>{filter}</get>")
                }]
            }
            Action::Edit { file, test } => {
                let config = read(&file)?;
                let config =
                    if root(&config) == "config" { config } else { format!("<config>{config}</config>") };
                let target = "<target><candidate/></target>";
                // With the lock nobody else's work is committed; what fails goes with it at the end of the session.
                let lock = format!("<lock>{target}</lock>");
                if test {
                    let only = "<test-option>test-only</test-option>";
                    vec![lock, format!("<edit-config>{target}{only}{config}</edit-config>")]
                } else {
                    vec![lock, format!("<edit-config>{target}{config}</edit-config>"), "<commit/>".to_owned()]
                }
            }
        };
        let Answer { content, done } = ask(place, operations)?;
        for reply in content {
            indent(&reply, out)?;
        }
        if done {
            writeln!(out, "done")?;
        }
        Ok(())
    }
}

impl Candidate {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let client = place.client()?;
        let candidate: view::Candidate = match self.action {
            CandidateAction::Show { format: OneFormat::Json } => {
                client.copy("/v1/candidate", out).map_err(|error| place.explain(error))?;
                return Ok(writeln!(out)?);
            }
            CandidateAction::Show { .. } => {
                client.read("/v1/candidate").map_err(|error| place.explain(error))?
            }
            CandidateAction::Discard => {
                client.post("/v1/candidate/discard").map_err(|error| place.explain(error))?
            }
        };
        if candidate.staged.is_empty() && !candidate.cleared {
            return Ok(writeln!(out, "nothing is staged")?);
        }
        writeln!(out, "staged by {}:", printable(&candidate.editors.join(", ")))?;
        if candidate.cleared {
            writeln!(out, "  all devices that are not named here are removed")?;
        }
        for staged in &candidate.staged {
            let what = if staged.path.is_empty() { &staged.device } else { &staged.path };
            let value = if staged.value.is_empty() { String::new() } else { format!(" = {}", staged.value) };
            writeln!(out, "  {:<7} {}{}", staged.operation, printable(what), printable(&value))?;
        }
        if candidate.more {
            writeln!(out, "  and more")?;
        }
        Ok(())
    }
}

/// Brings devices into running, so that they are managed; how many.
pub(super) fn adopt(place: &Place, names: &[String]) -> Result<usize, Failure> {
    let mut which: String =
        names.iter().map(|name| format!("<device>{}</device>", quick_xml::escape::escape(name))).collect();
    if names.is_empty() {
        which.push_str("<all/>");
    }
    let answer = ask(
        place,
        vec![
            "<lock><target><candidate/></target></lock>".to_owned(),
            format!("<adopt xmlns=\"{FLEET}\">{which}</adopt>"),
            "<commit/>".to_owned(),
        ],
    )?;
    let count =
        |reply: &String| reply.split_once("<devices")?.1.split_once('>')?.1.split_once('<')?.0.parse().ok();
    Ok(answer.content.iter().find_map(count).unwrap_or(0))
}

/// Makes running what it was right after a commit.
pub(super) fn roll_back(place: &Place, commit: u64, out: &mut dyn Write) -> Result<(), Failure> {
    let rollback = format!("<rollback xmlns=\"{FLEET}\"><commit>{commit}</commit></rollback>");
    let lock = "<lock><target><candidate/></target></lock>".to_owned();
    ask(place, vec![lock, rollback, "<commit/>".to_owned()])?;
    Ok(writeln!(out, "done; `fleetbridge commit list` shows what is on its way to the devices")?)
}

struct Answer {
    /// The replies that have content.
    content: Vec<String>,
    /// One was `<ok/>`.
    done: bool,
}

/// What is replied; an error in one reply is a failure.
fn ask(place: &Place, operations: Vec<String>) -> Result<Answer, Failure> {
    let mut replies = Vec::new();
    let request = view::Operations { operations };
    place.client()?.send("/v1/netconf", &request, &mut replies).map_err(|error| place.explain(error))?;
    let replies = String::from_utf8_lossy(&replies);
    let (mut refused, mut answer) = (None, Answer { content: Vec::new(), done: false });
    for reply in replies.split(END).filter(|reply| !reply.trim().is_empty()) {
        if reply.contains("<rpc-error>") {
            refused = Some(errors(reply));
        } else if reply.contains("<ok/>") {
            answer.done = true;
        } else {
            answer.content.push(reply.to_owned());
        }
    }
    match refused {
        Some(errors) if errors.starts_with("lock-denied") => Err(Failure::new(
            errors,
            "`fleetbridge candidate show` tells what others have staged; `candidate discard` forgets it",
        )),
        Some(errors) => Err(Failure::new(errors, "nothing was changed")),
        None => Ok(answer),
    }
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        fs::read_to_string(file).map(|found| text = found)
    };
    read.map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display()), ""))?;
    // What a document begins with cannot stand inside of another one.
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    Ok(match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or(String::new(), |(_, rest)| rest.to_owned()),
        None => text.to_owned(),
    })
}

/// The local name of the first element.
fn root(xml: &str) -> String {
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => {
                return start.local_name().as_ref().to_owned();
            }
            Ok(Event::Eof) | Err(_) => return String::new(),
            Ok(_) => {}
        }
    }
}

/// The content of `<rpc-reply>`, a line an element.
fn indent(reply: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::new(format!("the answer cannot be read: {error}"), "");
    let mut reader = Reader::from_str(reply);
    let mut writer = Writer::new_with_indent(&mut *out, b' ', 2);
    let mut depth = 0;
    loop {
        let event = reader.read_event().map_err(|error| failed(&error))?;
        match &event {
            Event::Eof => break,
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        // The reply and the element <data> say nothing to people.
        let wrap = match &event {
            Event::Start(_) => depth <= 2,
            Event::End(_) => depth < 2,
            Event::Decl(_) => true,
            _ => false,
        };
        if !wrap {
            writer.write_event(event).map_err(|error| failed(&error))?;
        }
    }
    Ok(writeln!(out)?)
}

/// What the errors of a reply say, a line each.
fn errors(reply: &str) -> String {
    let mut lines = Vec::new();
    for error in reply.split("<rpc-error>").skip(1) {
        let part = |name: &str| {
            let start = error.find(&format!("<{name}"))?;
            let text = error[start..].split_once('>')?.1;
            let text = text.split_once("</")?.0;
            quick_xml::escape::unescape(text).ok().map(|text| text.into_owned())
        };
        let tag = part("error-tag").unwrap_or_default();
        let message = part("error-message").unwrap_or_default();
        let path = part("error-path").map(|path| format!(" ({path})")).unwrap_or_default();
        lines.push(printable(&format!("{tag}: {message}{path}")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_for_people() {
        let mut out = Vec::new();
        let reply = "<rpc-reply xmlns=\"nc\"><data><a xmlns=\"u\"><b>1</b></a></data></rpc-reply>";
        indent(reply, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().trim(), "<a xmlns=\"u\">\n  <b>1</b>\n</a>");
        let error = "<rpc-error><error-tag>invalid-value</error-tag><error-path xmlns:a=\"u\">/a:b</error-path>\
                     <error-message xml:lang=\"en\">1 &lt; 2</error-message></rpc-error>";
        assert_eq!(errors(error), "invalid-value: 1 < 2 (/a:b)");
        assert_eq!(root("<!-- x --><nc:config xmlns:nc='u'/>"), "config");
    }
}
