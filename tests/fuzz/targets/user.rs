//! Messages of SNMPv3: as they come from a stranger, and from an administrator whose keys are right and whose PDU is
//! anything: he makes users, groups, views, targets and communities.

use std::cell::RefCell;

use fleetbridge::{
    login::Role,
    snmp::{
        agent::Outcome,
        ber::tag,
        usm::{AuthProtocol, Level, PrivProtocol},
    },
};

use super::snmp_support::world::{Ask, World};

thread_local! {
    static WORLD: RefCell<World> =
        RefCell::new(World::of(AuthProtocol::Sha256, PrivProtocol::Aes128, Role::Administer));
}

/// The first octet says who sends the rest.
pub fn user(data: &[u8]) {
    let Some((who, rest)) = data.split_first() else { return };
    WORLD.with_borrow_mut(|world| {
        world.local = if who & 4 == 0 { "127.0.0.1:161" } else { "127.9.0.2:161" };
        let device = (who & 4 != 0).then_some(2);
        let good = world.good();
        let id = world.engine.of(device);
        let message = match who & 3 {
            0 => rest.to_vec(),
            1 => world.wrap(&Ask { device, level: Level::NoAuthNoPriv, ..good }, &id, rest),
            2 => world.wrap(&Ask { device, level: Level::AuthNoPriv, ..good }, &id, rest),
            _ => world.wrap(&Ask { device, ..good }, &id, rest),
        };
        let outcome = match world.send(&message) {
            Outcome::Set => world.set(&message),
            outcome => outcome,
        };
        if outcome != Outcome::Reply {
            return;
        }
        assert!(world.reply.len() <= 65_507);
        // What can be read of it with the user's keys must be.
        if who & 3 != 0 {
            let answer = world.read(&id);
            assert!(matches!(answer.tag, tag::RESPONSE | tag::REPORT));
        } else {
            assert!(world.reply.len() <= 128, "a stranger is told {} octets", world.reply.len());
        }
    });
}
