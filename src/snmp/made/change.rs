//! What a SET makes of rows: RowStatus and StorageType (RFC 2579), and how users get their keys (RFC 3414 section 5).

use super::{
    Boot, Keys, Made, Row, Status, index, kind,
    table::{Cell, Default, Table, Wanted, column},
};
use crate::snmp::{
    engine::EngineId,
    oid::ZERO_DOT_ZERO,
    set::SetError,
    usm::{NO_AUTH, NO_PRIV, Users},
    vacm::Model,
};

/// Rows of a table at most.
const MOST: usize = 1000;

/// What a binding wants of an instance.
#[derive(Clone, Debug)]
pub struct Edit {
    pub table: Table,
    pub index: Vec<u32>,
    pub column: u32,
    pub wanted: Wanted,
}

impl Edit {
    /// The row, for the log.
    pub fn row(&self) -> String {
        self.table.describe(&self.index)
    }

    /// What becomes of the row; of several edits the least says most.
    pub fn outcome(&self) -> Outcome {
        match &self.wanted {
            Wanted::Status(status::DESTROY) => Outcome::Removed,
            Wanted::Status(status::CREATE_AND_GO | status::CREATE_AND_WAIT) => Outcome::Made,
            Wanted::Status(status::ACTIVE) => Outcome::SwitchedOn,
            Wanted::Status(_) => Outcome::SwitchedOff,
            Wanted::Key { .. } => Outcome::OtherKey,
            _ => Outcome::Changed,
        }
    }

    /// Whether it is about who is told, and not who may ask.
    pub fn tells(&self) -> bool {
        (Table::Addresses..=Table::Filters).contains(&self.table)
    }

    /// Whether one changes a key of his own.
    pub fn is_own_key(&self) -> bool {
        matches!(self.wanted, Wanted::Key { own: true, .. })
    }

    /// Whether it makes a user.
    pub fn makes_user(&self) -> bool {
        self.table == Table::Users && self.outcome() == Outcome::Made
    }
}

/// In the words of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Removed,
    Made,
    SwitchedOn,
    SwitchedOff,
    OtherKey,
    Changed,
}

/// Who sets, and what stands around the rows.
pub struct By<'a> {
    pub model: Model,
    /// The security name.
    pub name: &'a str,
    /// All that are active.
    pub users: &'a Users,
    /// What the boot file says.
    pub boot: &'a Boot,
    /// The bridge's own.
    pub engine: &'a EngineId,
}

/// What RowStatus can be set to.
mod status {
    pub const ACTIVE: i32 = 1;
    pub const NOT_IN_SERVICE: i32 = 2;
    pub const CREATE_AND_GO: i32 = 4;
    pub const CREATE_AND_WAIT: i32 = 5;
    pub const DESTROY: i32 = 6;
}

impl Made {
    /// The rows as they are with all edits, each with the place of its binding.
    ///
    /// # Errors
    /// Why not, and the place of the binding.
    pub fn changed(&self, edits: &[(usize, Edit)], by: &By<'_>) -> Result<Made, (usize, SetError)> {
        let mut made = self.clone();
        let of_one_row = |one: &Edit, other: &Edit| one.table == other.table && one.index == other.index;
        // A user is cloned before his keys change, so columns come in order.
        let mut sorted: Vec<_> = edits.iter().collect();
        sorted.sort_by(|(_, one), (_, other)| {
            (one.table, &one.index, one.column).cmp(&(other.table, &other.index, other.column))
        });
        let same = |pair: &&[&(usize, Edit)]| {
            let [(_, one), (_, other)] = pair else { return false };
            of_one_row(one, other) && one.column == other.column
        };
        if let Some([_, (at, _)]) = sorted.windows(2).find(same) {
            return Err((*at, SetError::InconsistentValue));
        }
        let mut rows: Vec<_> = sorted.chunk_by(|(_, one), (_, other)| of_one_row(one, other)).collect();
        // What goes makes room for what comes.
        rows.sort_by_key(|row| !row.iter().any(|(_, edit)| edit.outcome() == Outcome::Removed));
        for of_row in rows {
            let Some((_, edit)) = of_row.first() else { continue };
            made.change(edit.table, &edit.index, of_row, by)?;
        }
        Ok(made)
    }

    fn change(
        &mut self,
        table: Table,
        index: &[u32],
        edits: &[&(usize, Edit)],
        by: &By<'_>,
    ) -> Result<(), (usize, SetError)> {
        let first = edits.iter().map(|(at, _)| *at).min().unwrap_or(0);
        let asked = edits.iter().find_map(|(at, edit)| match edit.wanted {
            Wanted::Status(status) => Some((*at, status)),
            _ => None,
        });
        let rows = &mut self.0[table as usize];
        let mut row = match (rows.get(index), asked) {
            (_, Some((_, status::DESTROY))) => {
                rows.remove(index);
                return Ok(());
            }
            (Some(_), Some((at, status::CREATE_AND_GO | status::CREATE_AND_WAIT))) => {
                return Err((at, SetError::InconsistentValue));
            }
            (Some(row), _) => row.clone(),
            (None, Some((at, status::CREATE_AND_GO | status::CREATE_AND_WAIT))) => {
                if !table.takes(index, by.engine.octets()) {
                    return Err((at, SetError::NoCreation));
                }
                if by.boot.settles(table, index) {
                    return Err((at, SetError::InconsistentName));
                }
                if rows.len() >= MOST {
                    return Err((at, SetError::ResourceUnavailable));
                }
                Row::new(table)
            }
            (None, Some((at, _))) => return Err((at, SetError::InconsistentValue)),
            (None, None) => return Err((first, SetError::InconsistentName)),
        };
        let rests = row.status == Status::Active && !matches!(asked, Some((_, status::NOT_IN_SERVICE)));
        for (at, edit) in edits {
            if rests && table.rests(edit.column) && row.differs(edit) {
                return Err((*at, SetError::InconsistentValue));
            }
            row.take(index, edit, by).map_err(|error| (*at, error))?;
        }
        if !row.fits(table) {
            return Err((first, SetError::InconsistentValue));
        }
        let complete = row.is_complete(table);
        row.status = match asked {
            None if row.status == Status::NotReady && complete => Status::NotInService,
            None => row.status,
            Some((_, status::ACTIVE | status::CREATE_AND_GO)) if complete => Status::Active,
            Some((_, status::NOT_IN_SERVICE | status::CREATE_AND_WAIT)) if complete => Status::NotInService,
            Some((_, status::CREATE_AND_WAIT)) => Status::NotReady,
            Some((at, _)) => return Err((at, SetError::InconsistentValue)),
        };
        rows.insert(index.to_vec(), row);
        Ok(())
    }
}

impl Row {
    pub(super) fn new(table: Table) -> Row {
        let cells = table.fields().iter().filter_map(|field| {
            let cell = match field.default {
                Default::Required | Default::Action => return None,
                Default::Empty => Cell::Octets(Vec::new()),
                Default::Integer(value) => Cell::Integer(value),
                Default::Oid(oid) => Cell::Oid(oid),
            };
            Some((field.number, cell))
        });
        Row { status: Status::NotReady, volatile: false, cells: cells.collect(), keys: Keys::default() }
    }

    pub(super) fn is_complete(&self, table: Table) -> bool {
        let required = |default| matches!(default, Default::Required);
        table.fields().iter().all(|field| !required(field.default) || self.cells.contains_key(&field.number))
    }

    /// Whether what it has in several columns can be together.
    pub(super) fn fits(&self, table: Table) -> bool {
        match table {
            Table::Users => self.priv_protocol().is_none() || self.auth_protocol().is_some(),
            Table::Addresses => {
                let Some(Cell::Oid(domain)) = self.cells.get(&column::DOMAIN) else { return true };
                kind::address(self.octets(column::ADDRESS)).is_none_or(|address| kind::is_of(domain, address))
            }
            Table::Params => {
                let processing = self.number(column::PROCESSING);
                let model = self.number(column::SECURITY_MODEL);
                let pairs = [(0, 1), (1, 2), (3, 3)];
                let pair = pairs.iter().find(|(of_one, of_other)| {
                    processing.is_none_or(|given| given == *of_one)
                        && model.is_none_or(|given| given == *of_other)
                });
                // Communities are no authentication.
                let community =
                    processing.is_some_and(|given| given < 3) || model.is_some_and(|given| given < 3);
                pair.is_some()
                    && (!community || self.number(column::SECURITY_LEVEL).is_none_or(|level| level == 1))
            }
            _ => true,
        }
    }

    fn differs(&self, edit: &Edit) -> bool {
        match &edit.wanted {
            Wanted::Cell(cell) => self.cells.get(&edit.column) != Some(cell),
            _ => false,
        }
    }

    fn take(&mut self, index: &[u32], edit: &Edit, by: &By<'_>) -> Result<(), SetError> {
        match &edit.wanted {
            Wanted::Status(_) => {}
            Wanted::Storage(storage) => self.volatile = *storage == 2,
            Wanted::Engine(engine) if engine == by.engine.octets() => {}
            Wanted::Engine(_) => return Err(SetError::WrongValue),
            Wanted::Cell(Cell::Oid(oid)) if edit.table == Table::Users => {
                self.choose(edit.column, Cell::Oid(oid))?
            }
            Wanted::Cell(Cell::Octets(octets))
                if (edit.table, edit.column) == (Table::Addresses, column::ADDRESS)
                    && kind::address(octets).is_some_and(|address| by.boot.is_of_devices(address.ip())) =>
            {
                return Err(SetError::InconsistentValue);
            }
            Wanted::Cell(cell) => {
                self.cells.insert(edit.column, cell.clone());
            }
            Wanted::Clone(engine, _) if engine != by.engine.octets() => {
                return Err(SetError::InconsistentName);
            }
            Wanted::Clone(_, name) => self.clone_from(name, by)?,
            Wanted::Key { private, own, change } => {
                let (_, user) = index::user(index).ok_or(SetError::InconsistentName)?;
                if *own && (by.model, by.name) != (Model::Usm, &user) {
                    return Err(SetError::NoAccess);
                }
                self.change_key(*private, change)?;
            }
        }
        Ok(())
    }

    /// A protocol of a user may only be done without; to have another one he is made anew.
    fn choose(&mut self, column: u32, oid: Cell) -> Result<(), SetError> {
        let none = if column == column::AUTH_PROTOCOL { &NO_AUTH } else { &NO_PRIV };
        if self.cells.get(&column) == Some(&oid) {
            return Ok(());
        }
        if oid != Cell::Oid(none) {
            return Err(SetError::InconsistentValue);
        }
        match column {
            column::AUTH_PROTOCOL => self.keys.auth = None,
            _ => self.keys.private = None,
        }
        self.cells.insert(column, oid);
        Ok(())
    }

    /// The first time counts, later ones do nothing (RFC 3414, usmUserCloneFrom).
    fn clone_from(&mut self, name: &str, by: &By<'_>) -> Result<(), SetError> {
        if self.cells.contains_key(&column::CLONE_FROM) {
            return Ok(());
        }
        let user = by.users.find(name.as_bytes()).ok_or(SetError::InconsistentName)?;
        self.keys = user.keys(by.engine);
        let auth = user.auth_protocol().map_or(&NO_AUTH, |protocol| protocol.oid());
        let private = user.priv_protocol().map_or(&NO_PRIV, |protocol| protocol.oid());
        self.cells.insert(column::CLONE_FROM, Cell::Oid(&ZERO_DOT_ZERO));
        self.cells.insert(column::AUTH_PROTOCOL, Cell::Oid(auth));
        self.cells.insert(column::PRIV_PROTOCOL, Cell::Oid(private));
        Ok(())
    }

    fn change_key(&mut self, private: bool, change: &[u8]) -> Result<(), SetError> {
        let hash = self.auth_protocol().ok_or(SetError::InconsistentName)?;
        let key = if private { &mut self.keys.private } else { &mut self.keys.auth };
        let old = key.as_ref().ok_or(SetError::InconsistentName)?;
        *key = Some(old.changed(hash, change).ok_or(SetError::WrongLength)?);
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        model::Time,
        snmp::{
            engine::Engine,
            oid::counted,
            usm::{AuthProtocol, Key, Material, PrivProtocol, User},
            vacm::Rows,
        },
    };

    /// An engine, and a user anna who is there.
    pub struct World {
        pub engine: EngineId,
        pub users: Users,
        pub boot: Boot,
        pub made: Made,
    }

    impl World {
        pub fn new() -> World {
            let engine = Engine::unsaved(Time::from_secs(1)).unwrap().of(None);
            let key = |octet| Material::Own(Key::new(&[octet; 32]).unwrap());
            let auth = Some((AuthProtocol::Sha256, key(1)));
            let anna = User::new("anna".into(), auth, Some((PrivProtocol::Aes128, key(2))), &engine);
            let boot = Boot { rows: Rows::of_roles(), ..Boot::default() };
            World { engine, users: Users::new([anna.into()]), boot, made: Made::default() }
        }

        fn user(&self, name: &str) -> Vec<u32> {
            counted(self.engine.octets()).chain(counted(name.as_bytes())).collect()
        }

        pub fn set(&mut self, edits: &[(Table, &[u32], u32, Wanted)]) -> Result<(), (usize, SetError)> {
            let edits: Vec<_> = edits
                .iter()
                .enumerate()
                .map(|(at, (table, index, column, wanted))| {
                    let (table, index) = (*table, index.to_vec());
                    (at, Edit { table, index, column: *column, wanted: wanted.clone() })
                })
                .collect();
            let by = By {
                model: Model::Usm,
                name: "otto",
                users: &self.users,
                boot: &self.boot,
                engine: &self.engine,
            };
            self.made = self.made.changed(&edits, &by)?;
            Ok(())
        }

        fn status(&self, table: Table, index: &[u32]) -> Option<Status> {
            self.made.rows(table).find(|(at, _)| *at == index).map(|(_, row)| row.status)
        }
    }

    pub fn text(text: &str) -> Wanted {
        Wanted::Cell(Cell::text(text))
    }

    /// RFC 2579, RowStatus, the table of states and actions.
    #[test]
    fn rows_come_and_go() {
        let mut world = World::new();
        let index: Vec<u32> = [3].into_iter().chain(counted(b"otto")).collect();
        let set = |world: &mut World, edits: &[(u32, Wanted)]| {
            let edits: Vec<_> = edits
                .iter()
                .map(|(column, wanted)| (Table::Groups, &index[..], *column, wanted.clone()))
                .collect();
            let done = world.set(&edits);
            (done, world.status(Table::Groups, &index))
        };
        let status = |status| (5, Wanted::Status(status));
        let group = (3, text("operate"));
        use SetError::*;
        assert_eq!(set(&mut world, std::slice::from_ref(&group)), (Err((0, InconsistentName)), None));
        assert_eq!(set(&mut world, &[status(status::ACTIVE)]), (Err((0, InconsistentValue)), None));
        assert_eq!(set(&mut world, &[status(status::NOT_IN_SERVICE)]), (Err((0, InconsistentValue)), None));
        assert_eq!(set(&mut world, &[status(status::DESTROY)]), (Ok(()), None));
        assert_eq!(set(&mut world, &[status(status::CREATE_AND_GO)]), (Err((0, InconsistentValue)), None));
        let ready = Some(Status::NotReady);
        assert_eq!(set(&mut world, &[status(status::CREATE_AND_WAIT)]), (Ok(()), ready));
        assert_eq!(set(&mut world, &[status(status::CREATE_AND_WAIT)]), (Err((0, InconsistentValue)), ready));
        assert_eq!(set(&mut world, &[status(status::ACTIVE)]), (Err((0, InconsistentValue)), ready));
        assert_eq!(set(&mut world, std::slice::from_ref(&group)), (Ok(()), Some(Status::NotInService)));
        assert_eq!(set(&mut world, &[status(status::ACTIVE)]), (Ok(()), Some(Status::Active)));
        assert_eq!(set(&mut world, &[(3, text("read"))]), (Ok(()), Some(Status::Active)));
        assert_eq!(set(&mut world, &[status(status::NOT_IN_SERVICE)]), (Ok(()), Some(Status::NotInService)));
        let twice = [(3, text("a")), (3, text("b"))];
        assert_eq!(set(&mut world, &twice).0, Err((1, InconsistentValue)));
        assert_eq!(set(&mut world, &[status(status::DESTROY), group.clone()]), (Ok(()), None));
        // The order of the bindings does not count.
        assert_eq!(set(&mut world, &[group, status(status::CREATE_AND_GO)]), (Ok(()), Some(Status::Active)));
    }

    #[test]
    fn users_get_their_keys_from_others() {
        let mut world = World::new();
        let (neu, far) = (world.user("neu"), [counted(b"far").collect::<Vec<_>>(), vec![1, 97]].concat());
        let engine = world.engine;
        let clone = |name: &str| (column::CLONE_FROM, Wanted::Clone(engine.octets().to_vec(), name.into()));
        let go = (13, Wanted::Status(status::CREATE_AND_GO));
        let key = |private, own, len| (6, Wanted::Key { private, own, change: vec![7; len] });
        let set = |world: &mut World, index: &[u32], edits: &[(u32, Wanted)]| {
            let edits: Vec<_> =
                edits.iter().map(|(column, wanted)| (Table::Users, index, *column, wanted.clone())).collect();
            world.set(&edits).map_err(|(_, error)| error)
        };
        assert_eq!(
            set(&mut world, &far, &[go.clone(), clone("anna")]),
            Err(SetError::NoCreation),
            "no engine of ours"
        );
        assert_eq!(set(&mut world, &neu, &[go.clone(), clone("nobody")]), Err(SetError::InconsistentName));
        assert_eq!(
            set(&mut world, &neu, std::slice::from_ref(&go)),
            Err(SetError::InconsistentValue),
            "without keys"
        );
        set(&mut world, &neu, &[go, clone("anna")]).unwrap();
        let keys = |world: &World| world.made.users(&world.engine).next().unwrap().keys(&world.engine);
        let anna = world.users.find(b"anna").unwrap().keys(&world.engine);
        assert_eq!(keys(&world), anna);
        assert_eq!(anna.private.as_ref().unwrap().octets().len(), 16);
        assert_eq!(set(&mut world, &neu, &[key(true, true, 32)]), Err(SetError::NoAccess), "otto is not neu");
        assert_eq!(set(&mut world, &neu, &[key(true, false, 64)]), Err(SetError::WrongLength));
        set(&mut world, &neu, &[key(true, false, 32)]).unwrap();
        assert!(keys(&world).auth == anna.auth && keys(&world).private != anna.private);
        let protocol = |column, oid| (column, Wanted::Cell(Cell::Oid(oid)));
        let other = protocol(column::AUTH_PROTOCOL, AuthProtocol::Sha1.oid());
        assert_eq!(set(&mut world, &neu, &[other]), Err(SetError::InconsistentValue));
        let no_auth = protocol(column::AUTH_PROTOCOL, &NO_AUTH);
        assert_eq!(
            set(&mut world, &neu, std::slice::from_ref(&no_auth)),
            Err(SetError::InconsistentValue),
            "no privacy alone"
        );
        set(&mut world, &neu, &[no_auth, protocol(column::PRIV_PROTOCOL, &NO_PRIV)]).unwrap();
        assert_eq!(keys(&world), Keys::default());
    }

    #[test]
    fn rows_have_an_end() {
        let mut world = World::new();
        let row = |name: &str| -> Vec<u32> { [3].into_iter().chain(counted(name.as_bytes())).collect() };
        let make = |world: &mut World, n: u32| {
            let row = row(&n.to_string());
            let edits =
                [(Table::Groups, &row[..], 3, text("g")), (Table::Groups, &row[..], 5, Wanted::Status(4))];
            world.set(&edits)
        };
        for n in 0..MOST as u32 {
            make(&mut world, n).unwrap();
        }
        assert_eq!(make(&mut world, MOST as u32), Err((1, SetError::ResourceUnavailable)));
        let (there, other) = (row("7"), row("!"));
        let instead = [
            (Table::Groups, &other[..], 3, text("g")),
            (Table::Groups, &other[..], 5, Wanted::Status(4)),
            (Table::Groups, &there[..], 5, Wanted::Status(6)),
        ];
        world.set(&instead).unwrap();
        assert_eq!(world.made.rows(Table::Groups).count(), MOST);
    }
}
