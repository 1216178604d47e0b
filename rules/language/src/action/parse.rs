//! Reading the text of actions.

use std::ops::{Deref, DerefMut};

use super::{
    Action, BindVirtualPort, Catalog, CheckPacketLarger, CommitAffinity, CommitNextHop, Conntrack, DhcpRelay,
    Fdb, ForwardingGroup, HandleServiceCheck, Load, LoadBalance, Log, Mirror, Move, Neighbor, Nested, Next,
    Plain, PutDhcp, PutRouterAdvertisement, ResultAction, Sample, Select, SetMeter, SetQueue, TriggerEvent,
};
use crate::lexer::Token;
use crate::reader::Reader;
pub(super) use crate::reader::Result;
use crate::symbol::{Constant, FieldRef, Place, SymbolTable, Writable};
use crate::table::Pipeline;

/// Actions, and what they need to be meant at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The actions; none: the packet is dropped.
    pub actions: Vec<Action>,
    /// What is added to the match, in order.
    pub prerequisites: Vec<Prerequisite>,
}

/// An expression that is added to the match of a flow because of its actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prerequisite {
    /// That of an action.
    Action(&'static str),
    /// That of a field: it has been checked, and its own symbols have prerequisites too.
    Field(&'static str),
}

/// Where actions stand, and what they may refer to.
#[derive(Debug, Clone)]
pub struct Scene<'a> {
    /// Symbols.
    pub symbols: &'a SymbolTable,
    /// Options.
    pub catalogs: Catalogs<'a>,
    /// Pipeline of the flow.
    pub pipeline: Pipeline,
    /// Table of the flow in it.
    pub table: u8,
    /// Tables of the pipeline; without any there is no `next`.
    pub tables: u8,
}

/// Options that actions may give.
#[derive(Debug, Clone, Copy)]
pub struct Catalogs<'a> {
    /// Of DHCPv4 (DHCP_Options).
    pub dhcp: &'a Catalog,
    /// Of DHCPv6 (DHCPv6_Options).
    pub dhcpv6: &'a Catalog,
    /// [`Catalog::router_advertisement`].
    pub router_advertisement: &'a Catalog,
    /// [`Catalog::empty_lb_backends`].
    pub empty_lb_backends: &'a Catalog,
}

/// Reads actions.
pub fn parse(text: &str, scene: &Scene<'_>) -> Result<Parsed> {
    let reader = Reader::new(text, scene.symbols);
    let mut parser = Parser { reader, scene, prerequisites: Vec::new(), depth: 0, scope: Scope::Default };
    let actions = parser.block(None)?;
    Ok(Parsed { actions, prerequisites: parser.prerequisites })
}

/// Which fields may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the packet.
    Default,
    /// Those of the connection: inside `ct_commit`.
    Commit,
}

/// Reads actions off a text. The first error ends it.
pub(super) struct Parser<'a> {
    reader: Reader<'a>,
    scene: &'a Scene<'a>,
    prerequisites: Vec<Prerequisite>,
    depth: u32,
    scope: Scope,
}

impl<'a> Deref for Parser<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Reader<'a> {
        &self.reader
    }
}

impl DerefMut for Parser<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.reader
    }
}

/// Blocks stand in blocks less deep than this.
const MAX_DEPTH: u32 = 32;

impl<'a> Parser<'a> {
    /// Actions up to the end of the input, or to a sign.
    fn block(&mut self, end: Option<&'static str>) -> Result<Vec<Action>> {
        if self.at_id() == Some("drop") && self.next_is(";") {
            self.skip();
            self.skip();
            return match end {
                Some(end) => self.expect(end).map(|()| Vec::new()),
                None if *self.lexer.token() == Token::End => Ok(Vec::new()),
                None => Err(self.syntax_error("expecting end of input")),
            };
        }
        let mut actions = Vec::new();
        while !end.map_or(*self.lexer.token() == Token::End, |end| self.take(end)) {
            actions.push(self.action()?);
            self.expect(";")?;
        }
        Ok(actions)
    }

    /// Actions in braces. What they need is replaced by `prerequisite`, if there is one.
    pub fn nested(&mut self, prerequisite: Option<&'static str>, scope: Scope) -> Result<Vec<Action>> {
        self.expect("{")?;
        if self.depth + 1 == MAX_DEPTH {
            return Err(self.error("maximum depth of nested actions reached"));
        }
        let outer = std::mem::take(&mut self.prerequisites);
        let outer_scope = std::mem::replace(&mut self.scope, scope);
        self.depth += 1;
        let actions = self.block(Some("}"))?;
        self.depth -= 1;
        self.scope = outer_scope;
        match prerequisite {
            Some(prerequisite) => {
                self.prerequisites = outer;
                self.require(prerequisite);
            }
            None => self.prerequisites.extend(outer),
        }
        Ok(actions)
    }

    fn action(&mut self) -> Result<Action> {
        match self.lexer.token() {
            Token::Template(_) => return Err(self.error("Unexpanded template.")),
            Token::Id(_) => {}
            _ => return Err(self.syntax_error("")),
        }
        if ["=", "<->", "["].iter().any(|sign| self.next_is(sign)) {
            return self.assignment();
        }
        let action = match () {
            () if self.take_id("next") => Action::Next(Next::parse(self)?),
            () if self.take_id("push") => Action::Push(self.stacked(false)?),
            () if self.take_id("pop") => Action::Pop(self.stacked(true)?),
            () if self.take_id("set_queue") => Action::SetQueue(SetQueue::parse(self)?),
            () if self.take_id("set_meter") => Action::SetMeter(SetMeter::parse(self)?),
            () if self.take_id("log") => Action::Log(Log::parse(self)?),
            () if self.take_id("trigger_event") => Action::TriggerEvent(TriggerEvent::parse(self)?),
            () if self.take_id("bind_vport") => Action::BindVirtualPort(BindVirtualPort::parse(self)?),
            () if self.take_id("handle_svc_check") => {
                Action::HandleServiceCheck(HandleServiceCheck::parse(self)?)
            }
            () if self.take_id("fwd_group") => Action::ForwardingGroup(ForwardingGroup::parse(self)?),
            () if self.take_id("commit_ecmp_nh") => Action::CommitNextHop(CommitNextHop::parse(self)?),
            () if self.take_id("commit_lb_aff") => Action::CommitAffinity(CommitAffinity::parse(self)?),
            () if self.take_id("sample") => Action::Sample(Sample::parse(self)?),
            () if self.take_id("mirror") => Action::Mirror(Mirror::parse(self)?),
            () => return self.action_of_family(),
        };
        Ok(action)
    }

    /// Families of several names find theirs themselves.
    fn action_of_family(&mut self) -> Result<Action> {
        if let Some(action) = Plain::parse(self)? {
            return Ok(Action::Plain(action));
        }
        if let Some(action) = Conntrack::parse(self)? {
            return Ok(Action::Conntrack(action));
        }
        if let Some(action) = LoadBalance::parse(self)? {
            return Ok(Action::LoadBalance(action));
        }
        if let Some(action) = Nested::parse(self)? {
            return Ok(Action::Nested(action));
        }
        if let Some(action) = Neighbor::parse(self)? {
            return Ok(Action::Neighbor(action));
        }
        if let Some(action) = Fdb::parse(self)? {
            return Ok(Action::Fdb(action));
        }
        Err(self.syntax_error("expecting action"))
    }

    /// `FIELD = ...` or `FIELD <-> FIELD`.
    fn assignment(&mut self) -> Result<Action> {
        let left = self.field()?;
        if self.take("<->") {
            return Move::parse(self, left, true).map(Action::Move);
        }
        if !self.take("=") {
            return Err(self.syntax_error("expecting `=' or `<->'"));
        }
        if !self.at_any_id() {
            return Load::parse(self, left);
        }
        if self.at_call("select") {
            return Select::parse(self, left).map(Action::Select);
        }
        if self.at_call("check_pkt_larger") {
            return CheckPacketLarger::parse(self, left).map(Action::CheckPacketLarger);
        }
        if let Some(action) = PutDhcp::parse(self, &left)? {
            return Ok(Action::PutDhcp(action));
        }
        if let Some(action) = PutRouterAdvertisement::parse(self, &left)? {
            return Ok(Action::PutRouterAdvertisement(action));
        }
        if let Some(action) = DhcpRelay::parse(self, &left)? {
            return Ok(Action::DhcpRelay(action));
        }
        if let Some(action) = Neighbor::parse_lookup(self, &left)? {
            return Ok(Action::Neighbor(action));
        }
        if let Some(action) = Fdb::parse_lookup(self, &left)? {
            return Ok(Action::Fdb(action));
        }
        if let Some(action) = ResultAction::parse(self, &left)? {
            return Ok(Action::Result(action));
        }
        Move::parse(self, left, false).map(Action::Move)
    }

    /// `(FIELD)` of `push` and `pop`.
    fn stacked(&mut self, write: bool) -> Result<FieldRef> {
        self.expect("(")?;
        let field = self.field()?;
        self.check(&field, field.bits, write)?;
        self.expect(")")?;
        Ok(field)
    }

    pub fn pipeline(&self) -> Pipeline {
        self.scene.pipeline
    }

    pub fn table(&self) -> u8 {
        self.scene.table
    }

    pub fn tables(&self) -> u8 {
        self.scene.tables
    }

    /// The table after that of the flow, in which an action goes on.
    pub fn table_after(&self, name: &str) -> Result<u8> {
        match self.scene.table < self.scene.tables {
            true => Ok(self.scene.table + 1),
            false => Err(self.error(format!("\"{name}\" action not allowed in last table."))),
        }
    }

    pub fn catalogs(&self) -> Catalogs<'a> {
        self.scene.catalogs
    }

    pub fn scope(&self) -> Scope {
        self.scope
    }

    pub fn require(&mut self, prerequisite: &'static str) {
        self.prerequisites.push(Prerequisite::Action(prerequisite));
    }

    /// A field, or some of its bits.
    pub fn field(&mut self) -> Result<FieldRef> {
        let field = self.field_ref()?;
        let symbol = &field.symbol;
        if matches!(symbol.place, Place::Predicate(_)) {
            return Err(self.error(format!("Predicate symbol {} used where lvalue required.", symbol.name)));
        }
        let mut whole = symbol;
        loop {
            if !whole.prerequisite.is_empty() {
                self.prerequisites.push(Prerequisite::Field(whole.prerequisite));
            }
            match &whole.place {
                Place::Part(parent, _) => whole = parent,
                _ => break,
            }
        }
        Ok(field)
    }

    /// Whether a field has so many bits (0: is a string) and, if it is to be written, may be.
    pub fn check(&self, field: &FieldRef, bits: u16, write: bool) -> Result<()> {
        let name = field.name();
        if bits != field.bits {
            return Err(self.error(match (bits, field.bits) {
                (0, _) => format!("Cannot use numeric field {name} where string field is required."),
                (_, 0) => format!("Cannot use string field {name} where numeric field is required."),
                (bits, has) => {
                    let (first, last) = (field.offset, field.offset + has - 1);
                    format!("Cannot use {has}-bit field {name}[{first}..{last}] where {bits}-bit field is required.")
                }
            }));
        }
        let writable = match field.symbol.writable {
            Writable::Never => false,
            Writable::Outside => self.scope == Scope::Default,
            Writable::InCommit => self.scope == Scope::Commit,
            Writable::Always => true,
        };
        match write && !writable {
            true => Err(self.error(format!("Field {name} is not modifiable."))),
            false => Ok(()),
        }
    }

    /// A field that is read, of so many bits.
    pub fn argument(&mut self, bits: u16) -> Result<FieldRef> {
        let field = self.field()?;
        self.check(&field, bits, false)?;
        Ok(field)
    }

    /// A constant that a field can have.
    pub fn constant_for(&mut self, field: &FieldRef) -> Result<Constant> {
        let constant = self.constant()?;
        self.check_constant(field, &constant)?;
        Ok(constant)
    }

    /// A constant, or constants of one kind in braces; whether there were braces.
    pub fn constants(&mut self) -> Result<(Vec<Constant>, bool)> {
        if !self.take("{") {
            return Ok((vec![self.constant()?], false));
        }
        let mut constants: Vec<Constant> = Vec::new();
        loop {
            let is_text = matches!(self.lexer.token(), Token::String(_));
            let is_number = matches!(self.lexer.token(), Token::Number(_));
            match constants.first() {
                Some(Constant::String(_)) if is_number => return Err(self.syntax_error("expecting string")),
                Some(Constant::Integer(_)) if is_text => return Err(self.syntax_error("expecting integer")),
                _ => {}
            }
            constants.push(self.constant()?);
            self.take(",");
            if self.take("}") {
                return Ok((constants, true));
            }
        }
    }

    /// `NAME =`, as the learning actions have it.
    pub fn keyword(&mut self, name: &str) -> Result<()> {
        match self.take_id(name) {
            true => self.expect("="),
            false => Err(self.syntax_error("invalid parameter")),
        }
    }

    /// `true` or `false`, in quotes or not.
    pub fn expect_bool(&mut self) -> Result<bool> {
        for (word, value) in [("true", true), ("false", false)] {
            if self.at_string() == Some(word) || self.at_id() == Some(word) {
                self.skip();
                return Ok(value);
            }
        }
        Err(self.syntax_error("expecting true or false"))
    }
}
