//! What a codec understood of payloads: the way up, as flat vectors that are reused from batch to batch.

use super::{Attribute, ProfileId, Time};

/// A piece of [`Reports::text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

/// What a device says of its own presence, by last will, availability topic, birth or death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    Online,
    Lost,
    Sleeping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Boolean (0, 1), integer, counter, or a decimal times 10^digits of its point.
    Integer(i64),
    Text(Span),
    /// The device sent something that is no value of the point's type; shown as quality bad.
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// `slot` is the index into [`super::Profile::points`]; `time` is [`Time::NEVER`] for "now".
    Point {
        slot: u16,
        value: Scalar,
        time: Time,
    },
    Attribute {
        attribute: Attribute,
        text: Span,
    },
    Availability(Availability),
    /// The value that a setting has; `slot` is the index into [`super::Profile::settings`], the value as
    /// [`super::SettingValue`].
    Setting {
        slot: u16,
        value: Scalar,
    },
    /// The device took a write of this setting.
    Acknowledged {
        slot: u16,
    },
    /// The device will not do what it was told last, or what it was told of this setting.
    Refused {
        slot: Option<u16>,
        text: Span,
        /// It does not know the setting.
        unsupported: bool,
    },
    /// Seconds since the device's boot; `time` is as of when, [`Time::NEVER`] if the message does not say.
    Uptime {
        secs: u64,
        time: Time,
    },
}

/// What one message says of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    pub profile: ProfileId,
    pub id: Span,
    /// The southbound id of the device that it hangs on, and that device's profile.
    pub parent: Option<(ProfileId, Span)>,
    /// A retained message sets values, never last-seen; only an availability topic may set presence from it.
    pub retained: bool,
    /// Of the message: its topic and payload, shared out evenly among the devices that it says something of.
    pub octets: u32,
    facts: (u32, u32),
}

/// Reports of any number of messages, in the order in which they arrived.
///
/// Use: [`begin`](Reports::begin) a report, then push facts; they belong to the report begun last.
#[derive(Debug, Default)]
pub struct Reports {
    reports: Vec<Report>,
    facts: Vec<Fact>,
    text: String,
}

impl Reports {
    pub fn clear(&mut self) {
        self.reports.clear();
        self.facts.clear();
        self.text.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    pub fn len(&self) -> usize {
        self.reports.len()
    }

    pub fn fact_count(&self) -> usize {
        self.facts.len()
    }

    pub fn begin(&mut self, profile: ProfileId, id: &str, retained: bool) {
        let id = self.text(id);
        let at = self.facts.len() as u32;
        self.reports.push(Report { profile, id, parent: None, retained, octets: 0, facts: (at, at) });
    }

    pub fn parent(&mut self, profile: ProfileId, id: &str) {
        let id = self.text(id);
        if let Some(report) = self.reports.last_mut() {
            report.parent = Some((profile, id));
        }
    }

    pub fn push(&mut self, fact: Fact) {
        if let Some(report) = self.reports.last_mut() {
            self.facts.push(fact);
            report.facts.1 = self.facts.len() as u32;
        }
    }

    /// The reports from the `first`th on are of one message of so many octets.
    pub fn weigh(&mut self, first: usize, octets: usize) {
        let reports = self.reports.get_mut(first..).unwrap_or_default();
        let each = octets.checked_div(reports.len()).unwrap_or(0) as u32;
        reports.iter_mut().for_each(|report| report.octets = each);
    }

    /// Copies a text in, for [`Scalar::Text`] and [`Fact::Attribute`].
    pub fn text(&mut self, text: &str) -> Span {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        Span { start, end: self.text.len() as u32 }
    }

    /// Forgets reports from the `keep`th on: a message that failed half-way leaves nothing.
    pub fn truncate(&mut self, keep: usize) {
        if let Some(report) = self.reports.get(keep) {
            self.facts.truncate(report.facts.0 as usize);
            self.text.truncate(report.id.start as usize);
            self.reports.truncate(keep);
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Report> {
        self.reports.iter()
    }

    pub fn report(&self, index: usize) -> Option<&Report> {
        self.reports.get(index)
    }

    pub fn facts(&self, report: &Report) -> &[Fact] {
        &self.facts[report.facts.0 as usize..report.facts.1 as usize]
    }

    pub fn str(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }
}
