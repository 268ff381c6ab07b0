//! Which arguments each operation has.

use super::{
    operation::{DefaultOperation, ErrorOption, Operation, Source, TestOption},
    parameters::{Parameters, Use, bad},
};
use crate::netconf::{
    capabilities::{BASE, MONITORING, NOTIFICATION, YANG},
    date_time,
    error::{RpcError, Tag},
    xml,
};

/// RFC 6241 section 8.4.5.1: the default confirm-timeout, in seconds.
const CONFIRM_TIMEOUT: u32 = 600;

impl<'a> Parameters<'_, 'a> {
    /// Reads the operation whose tag this is.
    pub(super) fn read(mut self, tag: xml::Tag<'a>) -> Result<Operation, RpcError> {
        let local = tag.name.local;
        match &*tag.name.namespace {
            BASE => self.base(&tag),
            MONITORING if local == "get-schema" => self.get_schema(&tag),
            NOTIFICATION if local == "create-subscription" && self.has("notification:1.0") => {
                self.create_subscription(&tag)
            }
            YANG if local == "action" => self.action(&tag),
            MONITORING | NOTIFICATION | YANG => Err(self.not_supported()),
            namespace => Ok(Operation::Rpc {
                namespace: namespace.to_owned(),
                name: local.to_owned(),
                input: self.reader.fragment(&tag)?,
            }),
        }
    }

    fn base(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        match tag.name.local {
            "get" => self.get(tag),
            "get-config" => self.get_config(tag),
            "edit-config" => self.edit_config(tag),
            "copy-config" => self.copy_config(tag),
            "delete-config" => {
                let target = self.only_datastore(tag, "target", Use::Delete)?;
                Ok(Operation::DeleteConfig { target })
            }
            "lock" => Ok(Operation::Lock { target: self.only_datastore(tag, "target", Use::Any)? }),
            "unlock" => Ok(Operation::Unlock { target: self.only_datastore(tag, "target", Use::Any)? }),
            "commit" if self.has("candidate:1.0") => self.commit(tag),
            "cancel-commit" if self.has("confirmed-commit:1.1") => self.cancel_commit(tag),
            "discard-changes" if self.has("candidate:1.0") => {
                self.none(tag)?;
                Ok(Operation::DiscardChanges)
            }
            "validate" if self.has("validate:1.1") => self.validate(tag),
            "close-session" => {
                self.none(tag)?;
                Ok(Operation::CloseSession)
            }
            "kill-session" => self.kill_session(tag),
            _ => Err(self.not_supported()),
        }
    }

    fn get(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut filter, mut with_defaults) = (None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "filter" => this.filter(tag, &mut filter),
            "with-defaults" => this.with_defaults(tag, &mut with_defaults),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::Get { filter, with_defaults })
    }

    fn get_config(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut source, mut filter, mut with_defaults) = (None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "source" => this.datastore(tag, Use::Any, &mut source),
            "filter" => this.filter(tag, &mut filter),
            "with-defaults" => this.with_defaults(tag, &mut with_defaults),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::GetConfig { source: self.required(source, "source")?, filter, with_defaults })
    }

    fn edit_config(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut target, mut config) = (None, None);
        let (mut default_operation, mut test_option, mut error_option) = (None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "target" => this.datastore(tag, Use::Write, &mut target),
            "default-operation" => this.word(tag, &mut default_operation, |word| match word {
                "merge" => Some(DefaultOperation::Merge),
                "replace" => Some(DefaultOperation::Replace),
                "none" => Some(DefaultOperation::None),
                _ => None,
            }),
            "test-option" if this.has("validate:1.1") => {
                this.word(tag, &mut test_option, |word| match word {
                    "test-then-set" => Some(TestOption::TestThenSet),
                    "set" => Some(TestOption::Set),
                    "test-only" => Some(TestOption::TestOnly),
                    _ => None,
                })
            }
            "error-option" => {
                let rollback = this.has("rollback-on-error:1.0");
                this.word(tag, &mut error_option, |word| match word {
                    "stop-on-error" => Some(ErrorOption::StopOnError),
                    "continue-on-error" => Some(ErrorOption::ContinueOnError),
                    "rollback-on-error" if rollback => Some(ErrorOption::RollbackOnError),
                    _ => None,
                })
            }
            "config" => this.fragment(tag, &mut config),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::EditConfig {
            target: self.required(target, "target")?,
            default_operation: default_operation.unwrap_or_default(),
            test_option: test_option.unwrap_or_default(),
            error_option: error_option.unwrap_or_default(),
            config: self.required(config, "config")?,
        })
    }

    fn copy_config(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut target, mut source, mut with_defaults) = (None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "target" => this.datastore(tag, Use::Write, &mut target),
            "source" => this.source(tag, &mut source),
            "with-defaults" => this.with_defaults(tag, &mut with_defaults),
            _ => Err(this.unknown(tag)),
        })?;
        let (target, source) = (self.required(target, "target")?, self.required(source, "source")?);
        if matches!(source, Source::Datastore(source) if source == target) {
            return Err(self.wrong(Tag::InvalidValue, "source and target are the same"));
        }
        Ok(Operation::CopyConfig { target, source, with_defaults })
    }

    fn commit(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut confirmed, mut confirm_timeout, mut persist, mut persist_id) = (None, None, None, None);
        let may_confirm = self.has("confirmed-commit:1.1");
        self.each(tag, |this, tag| match tag.name.local {
            "confirmed" if may_confirm => {
                this.word(tag, &mut confirmed, |word| word.is_empty().then_some(()))
            }
            "confirm-timeout" if may_confirm => this.word(tag, &mut confirm_timeout, positive),
            "persist" if may_confirm => this.word(tag, &mut persist, any),
            "persist-id" if may_confirm => this.word(tag, &mut persist_id, any),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::Commit {
            confirmed: confirmed.is_some(),
            confirm_timeout: confirm_timeout.unwrap_or(CONFIRM_TIMEOUT),
            persist,
            persist_id,
        })
    }

    fn cancel_commit(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let mut persist_id = None;
        self.each(tag, |this, tag| match tag.name.local {
            "persist-id" => this.word(tag, &mut persist_id, any),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::CancelCommit { persist_id })
    }

    fn validate(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let mut source = None;
        self.each(tag, |this, tag| match tag.name.local {
            "source" => this.source(tag, &mut source),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::Validate { source: self.required(source, "source")? })
    }

    fn kill_session(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let mut session_id = None;
        self.each(tag, |this, tag| match tag.name.local {
            "session-id" => this.word(tag, &mut session_id, positive),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::KillSession { session_id: self.required(session_id, "session-id")? })
    }

    fn get_schema(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut identifier, mut version, mut format) = (None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "identifier" => this.word(tag, &mut identifier, any),
            "version" => this.word(tag, &mut version, any),
            // An identity of ietf-netconf-monitoring, so that the value may have a prefix.
            "format" => this.word(tag, &mut format, |word| any(word.rsplit(':').next().unwrap_or(word))),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::GetSchema {
            identifier: self.required(identifier, "identifier")?,
            version,
            format: format.unwrap_or_else(|| "yang".to_owned()),
        })
    }

    fn create_subscription(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut stream, mut filter, mut start_time, mut stop_time) = (None, None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "stream" => this.word(tag, &mut stream, any),
            "filter" => this.filter(tag, &mut filter),
            "startTime" => this.word(tag, &mut start_time, date_time::parse),
            "stopTime" => this.word(tag, &mut stop_time, date_time::parse),
            _ => Err(this.unknown(tag)),
        })?;
        if stop_time.is_some() && start_time.is_none() {
            return Err(self.missing("startTime"));
        }
        if let (Some(start), Some(stop)) = (start_time, stop_time)
            && stop <= start
        {
            return Err(self
                .wrong(Tag::BadElement, "stopTime is not later than startTime")
                .with(bad("stopTime")));
        }
        let stream = stream.unwrap_or_else(|| "NETCONF".to_owned());
        Ok(Operation::CreateSubscription { stream, filter, start_time, stop_time })
    }

    fn action(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let mut input = None;
        self.no_attributes(tag)?;
        self.children(|this, tag| this.fragment(tag, &mut input))?;
        input.map(|input| Operation::Action { input }).ok_or_else(|| {
            self.wrong(Tag::MissingElement, "an <action> without a data node").with(bad("action"))
        })
    }
}

fn any(word: &str) -> Option<String> {
    Some(word.to_owned())
}

/// A uint32 of 1 or more.
fn positive(word: &str) -> Option<u32> {
    word.parse().ok().filter(|number| *number > 0)
}
