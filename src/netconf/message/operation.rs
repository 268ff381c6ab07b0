pub use crate::datastore::{DefaultOperation, ErrorOption, TestOption};
use crate::{
    model::Time,
    netconf::{filter::Filter, xml::Fragment},
};

/// What is asked for, its arguments read and found to be possible.
#[derive(Debug)]
pub enum Operation {
    Get {
        filter: Option<Filter>,
        with_defaults: Option<WithDefaults>,
    },
    GetConfig {
        source: Datastore,
        filter: Option<Filter>,
        with_defaults: Option<WithDefaults>,
    },
    EditConfig {
        target: Datastore,
        default_operation: DefaultOperation,
        test_option: TestOption,
        error_option: ErrorOption,
        /// The element `<config>`.
        config: Fragment,
    },
    CopyConfig {
        target: Datastore,
        source: Source,
        with_defaults: Option<WithDefaults>,
    },
    DeleteConfig {
        target: Datastore,
    },
    Lock {
        target: Datastore,
    },
    Unlock {
        target: Datastore,
    },
    Commit {
        confirmed: bool,
        /// Seconds.
        confirm_timeout: u32,
        persist: Option<String>,
        persist_id: Option<String>,
    },
    CancelCommit {
        persist_id: Option<String>,
    },
    DiscardChanges,
    Validate {
        source: Source,
    },
    /// To be answered with ok; the session ends when that is sent.
    CloseSession,
    /// Of another session.
    KillSession {
        session_id: u32,
    },
    /// RFC 6022 section 3.1.
    GetSchema {
        identifier: String,
        version: Option<String>,
        /// `yang` unless something else was asked for.
        format: String,
    },
    /// RFC 5277 section 2.1.1.
    CreateSubscription {
        /// `NETCONF` unless another was asked for.
        stream: String,
        filter: Option<Filter>,
        start_time: Option<Time>,
        stop_time: Option<Time>,
    },
    /// An operation of some YANG module; the handler knows which there are.
    Rpc {
        namespace: String,
        name: String,
        /// The operation's element.
        input: Fragment,
    },
    /// RFC 7950 section 7.15.2.
    Action {
        /// The top data node, down to the action and its input.
        input: Fragment,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datastore {
    Running,
    Candidate,
    Startup,
}

#[derive(Clone, Debug)]
pub enum Source {
    Datastore(Datastore),
    /// The element `<config>`.
    Config(Fragment),
}

/// RFC 6243 section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithDefaults {
    ReportAll,
    Trim,
    Explicit,
}

impl Operation {
    /// The element's name, for the log and for access control.
    pub fn name(&self) -> &str {
        match self {
            Operation::Get { .. } => "get",
            Operation::GetConfig { .. } => "get-config",
            Operation::EditConfig { .. } => "edit-config",
            Operation::CopyConfig { .. } => "copy-config",
            Operation::DeleteConfig { .. } => "delete-config",
            Operation::Lock { .. } => "lock",
            Operation::Unlock { .. } => "unlock",
            Operation::Commit { .. } => "commit",
            Operation::CancelCommit { .. } => "cancel-commit",
            Operation::DiscardChanges => "discard-changes",
            Operation::Validate { .. } => "validate",
            Operation::CloseSession => "close-session",
            Operation::KillSession { .. } => "kill-session",
            Operation::GetSchema { .. } => "get-schema",
            Operation::CreateSubscription { .. } => "create-subscription",
            Operation::Rpc { name, .. } => name,
            Operation::Action { .. } => "action",
        }
    }
}

impl Datastore {
    pub fn name(self) -> &'static str {
        match self {
            Datastore::Running => "running",
            Datastore::Candidate => "candidate",
            Datastore::Startup => "startup",
        }
    }
}
