//! What of NETCONF is open to which role.

use super::message::Operation;
use crate::login::Role;

/// Whether the operation is open to the role at all; what of the data is, access control decides.
pub fn permits(role: Role, operation: &Operation) -> bool {
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
    role >= needed
}
