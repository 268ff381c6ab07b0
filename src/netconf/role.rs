use super::message::Operation;

/// What a user of the boot file may do; each may all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Read,
    Operate,
    Administer,
}

impl Role {
    /// Whether the operation is open to the role at all; what of the data is, access control decides.
    pub fn permits(self, operation: &Operation) -> bool {
        let needed = match operation {
            Operation::Get { .. }
            | Operation::GetConfig { .. }
            | Operation::GetSchema { .. }
            | Operation::CreateSubscription { .. }
            | Operation::Validate { .. }
            | Operation::CloseSession => Role::Read,
            Operation::EditConfig { .. }
            | Operation::CopyConfig { .. }
            | Operation::DeleteConfig { .. }
            | Operation::Lock { .. }
            | Operation::Unlock { .. }
            | Operation::Commit { .. }
            | Operation::CancelCommit { .. }
            | Operation::DiscardChanges
            | Operation::Rpc { .. }
            | Operation::Action { .. } => Role::Operate,
            Operation::KillSession { .. } => Role::Administer,
        };
        self >= needed
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Operate => "operate",
            Role::Administer => "administer",
        }
    }
}
