//! The actions, and their text (ovs-actions(7)).

use std::fmt::{self, Write as _};

use super::conntrack::{Conntrack, Nat};
use super::field::{Field, Subfield};
use super::learn::Learn;
use super::port::Port;

/// One OpenFlow action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Sends the packet out of a port; at most so many bytes of it if that is the controller.
    Output(Port, u16),
    /// Gives the packet to a group.
    Group(u32),
    /// Sends the packet to a controller with data for it.
    Controller(Controller),
    /// Writes bits of a field: value and mask, aligned to the end of the field's bytes. Set in the mask
    /// are the bits to write.
    SetField(Field, u128, u128),
    /// Copies the first subfield to the second, which has as many bits.
    Move(Subfield, Subfield),
    /// Pushes bits on the stack.
    Push(Subfield),
    /// Pops bits off the stack.
    Pop(Subfield),
    /// Pushes a VLAN header with this Ethernet type.
    PushVlan(u16),
    /// Pops the outermost VLAN header.
    PopVlan,
    /// Takes one from the time to live. A controller hears of packets whose time is over.
    DecrementTtl,
    /// The same, and no controller hears of it.
    DecrementTtlQuietly,
    /// Writes the time to live.
    SetTtl(u8),
    /// Chooses the queue for later output.
    SetQueue(u32),
    /// Lets a meter drop the packet.
    Meter(u32),
    /// Looks the packet up again in a table (all ones: the current one), as if it came from a port.
    Resubmit(Port, u8),
    /// Adds a flow.
    Learn(Box<Learn>),
    /// Makes the flow one dimension of a conjunctive match: identifier, which clause from zero on, of how many.
    Conjunction(u32, u8, u8),
    /// Does nothing; carries bytes.
    Note(Vec<u8>),
    /// Executes actions on a copy of the packet.
    Clone(Vec<Action>),
    /// Samples the packet.
    Sample(Sample),
    /// Gives the packet to connection tracking.
    Conntrack(Box<Conntrack>),
    /// Translates addresses; only inside [`Action::Conntrack`].
    Nat(Nat),
    /// Forgets the connection tracking state of the packet.
    ConntrackClear,
    /// Writes into a bit whether the packet is longer.
    CheckPacketLarger(u16, Subfield),
    /// Removes a tunnel option.
    DeleteField(Field),
    /// Outputs to one of several ports.
    Bundle(Bundle),
}

impl Action {
    /// A look-up in a table, with the packet's own port.
    pub fn resubmit(table: u8) -> Action {
        Action::Resubmit(Port::IN_PORT, table)
    }

    /// Writes a number into a subfield.
    pub fn load(value: u128, into: Subfield) -> Action {
        Action::SetField(into.field, into.place(value), into.mask())
    }

    /// Writes all of a field.
    pub fn set(field: Field, value: u128) -> Action {
        Action::SetField(field, value, field.full_mask())
    }
}

/// A packet to the controller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Controller {
    /// At most so many bytes of the packet.
    pub max_len: u16,
    /// Which controller.
    pub id: u16,
    /// Why (OFPR_*); 1 is an action.
    pub reason: u8,
    /// Data that goes with it.
    pub userdata: Vec<u8>,
    /// Whether the controller may let the pipeline go on where it was.
    pub pause: bool,
    /// The meter that limits it.
    pub meter: Option<u32>,
}

impl Controller {
    pub(super) const REASON_ACTION: u8 = 1;
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            max_len: u16::MAX,
            id: 0,
            reason: Self::REASON_ACTION,
            userdata: Vec::new(),
            pause: false,
            meter: None,
        }
    }
}

/// A sample for collectors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sample {
    /// How many of 65535 packets.
    pub probability: u16,
    /// Set of collectors.
    pub collector_set: u32,
    /// Observation domain.
    pub domain: Source,
    /// Observation point.
    pub point: Source,
    /// Port that is sampled; [`Port::ANY`] for none.
    pub port: Port,
    /// Whether the packet counts as coming in or going out.
    pub direction: SampleDirection,
}

/// A number, or bits of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// This number.
    Immediate(u32),
    /// These at most 32 bits.
    Field(Subfield),
}

/// The direction of a sampled packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleDirection {
    /// The switch decides.
    Default,
    /// Coming in.
    Ingress,
    /// Going out.
    Egress,
}

/// A choice among ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle {
    /// What is hashed.
    pub fields: HashFields,
    /// Seed of the hash.
    pub basis: u16,
    /// How a member is chosen.
    pub algorithm: BundleAlgorithm,
    /// The ports.
    pub members: Vec<Port>,
}

/// How [`Bundle`] chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundleAlgorithm {
    /// The first member that is up.
    ActiveBackup,
    /// The member with the highest random weight.
    HighestRandomWeight,
}

/// What is hashed (NX_HASH_FIELDS_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashFields {
    /// Ethernet source.
    EthSrc,
    /// Ethernet to TCP and SCTP, alike in both directions.
    SymmetricL4,
    /// IP and TCP and SCTP, alike in both directions.
    SymmetricL3L4,
    /// IP and TCP, UDP and SCTP, alike in both directions.
    SymmetricL3L4Udp,
    /// IP source.
    IpSrc,
    /// IP destination.
    IpDst,
    /// IP, alike in both directions.
    SymmetricL3,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(port, _) if port.is_ordinary() => write!(f, "output:{port}"),
            Self::Output(port, length) if *port == Port::CONTROLLER => write!(f, "{port}:{length}"),
            Self::Output(port, _) => write!(f, "{port}"),
            Self::Group(group) => write!(f, "group:{group}"),
            Self::Controller(controller) => controller.fmt(f),
            Self::SetField(field, value, mask) => {
                f.write_str("set_field:")?;
                field.write_value(f, *value, *mask)?;
                write!(f, "->{field}")
            }
            Self::Move(source, destination) => write!(f, "move:{source}->{destination}"),
            Self::Push(subfield) => write!(f, "push:{subfield}"),
            Self::Pop(subfield) => write!(f, "pop:{subfield}"),
            Self::PushVlan(eth_type) => write!(f, "push_vlan:{eth_type:#x}"),
            Self::PopVlan => f.write_str("pop_vlan"),
            Self::DecrementTtl => f.write_str("dec_ttl"),
            Self::DecrementTtlQuietly => f.write_str("dec_ttl()"),
            Self::SetTtl(ttl) => write!(f, "mod_nw_ttl:{ttl}"),
            Self::SetQueue(queue) => write!(f, "set_queue:{queue}"),
            Self::Meter(meter) => write!(f, "meter:{meter}"),
            Self::Resubmit(port, u8::MAX) if *port != Port::IN_PORT => write!(f, "resubmit:{port}"),
            Self::Resubmit(port, table) => {
                f.write_str("resubmit(")?;
                if *port != Port::IN_PORT {
                    write!(f, "{port}")?;
                }
                f.write_char(',')?;
                if *table != u8::MAX {
                    write!(f, "{table}")?;
                }
                f.write_char(')')
            }
            Self::Learn(learn) => learn.fmt(f),
            Self::Conjunction(id, clause, clauses) => {
                write!(f, "conjunction({id},{}/{clauses})", u16::from(*clause) + 1)
            }
            Self::Note(bytes) => write!(f, "note:{}", Dotted(bytes)),
            Self::Clone(actions) => write!(f, "clone({})", List(actions)),
            Self::Sample(sample) => sample.fmt(f),
            Self::Conntrack(conntrack) => conntrack.fmt(f),
            Self::Nat(nat) => nat.fmt(f),
            Self::ConntrackClear => f.write_str("ct_clear"),
            Self::CheckPacketLarger(length, bit) => write!(f, "check_pkt_larger({length})->{bit}"),
            Self::DeleteField(field) => write!(f, "delete_field:{field}"),
            Self::Bundle(bundle) => bundle.fmt(f),
        }
    }
}

/// Actions, written one after the other with commas; none at all is `drop`.
#[derive(Debug, Clone, Copy)]
pub struct List<'a>(pub &'a [Action]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else { return f.write_str("drop") };
        write!(f, "{first}")?;
        rest.iter().try_for_each(|action| write!(f, ",{action}"))
    }
}

/// Bytes in hexadecimal with dots between.
struct Dotted<'a>(&'a [u8]);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for byte in self.0 {
            write!(f, "{separator}{byte:02x}")?;
            separator = ".";
        }
        Ok(())
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = Controller { max_len: self.max_len, ..Controller::default() };
        if *self == plain {
            return write!(f, "CONTROLLER:{}", self.max_len);
        }
        let mut parts = Vec::new();
        match self.reason {
            Self::REASON_ACTION => {}
            0 => parts.push("reason=no_match".to_owned()),
            2 => parts.push("reason=invalid_ttl".to_owned()),
            reason => parts.push(format!("reason={reason}")),
        }
        if self.max_len != u16::MAX {
            parts.push(format!("max_len={}", self.max_len));
        }
        if self.id != 0 {
            parts.push(format!("id={}", self.id));
        }
        if !self.userdata.is_empty() {
            parts.push(format!("userdata={}", Dotted(&self.userdata)));
        }
        if self.pause {
            parts.push("pause".to_owned());
        }
        parts.extend(self.meter.map(|meter| format!("meter_id={meter}")));
        write!(f, "controller({})", parts.join(","))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immediate(number) => write!(f, "{number}"),
            Self::Field(subfield) => write!(f, "{subfield}"),
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { probability, collector_set, domain, point, port, direction } = self;
        write!(f, "sample(probability={probability},collector_set_id={collector_set}")?;
        write!(f, ",obs_domain_id={domain},obs_point_id={point}")?;
        if *port != Port::ANY {
            write!(f, ",sampling_port={port}")?;
        }
        f.write_str(match direction {
            SampleDirection::Default => ")",
            SampleDirection::Ingress => ",ingress)",
            SampleDirection::Egress => ",egress)",
        })
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.algorithm {
            BundleAlgorithm::ActiveBackup => "active_backup",
            BundleAlgorithm::HighestRandomWeight => "hrw",
        };
        let members: Vec<String> = self.members.iter().map(Port::to_string).collect();
        write!(
            f,
            "bundle({},{},{algorithm},ofport,members:{})",
            self.fields.name(),
            self.basis,
            members.join(",")
        )
    }
}

impl HashFields {
    /// In the order of their numbers on the wire.
    pub(super) const ALL: [HashFields; 7] = [
        Self::EthSrc,
        Self::SymmetricL4,
        Self::SymmetricL3L4,
        Self::SymmetricL3L4Udp,
        Self::IpSrc,
        Self::IpDst,
        Self::SymmetricL3,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::EthSrc => "eth_src",
            Self::SymmetricL4 => "symmetric_l4",
            Self::SymmetricL3L4 => "symmetric_l3l4",
            Self::SymmetricL3L4Udp => "symmetric_l3l4+udp",
            Self::IpSrc => "nw_src",
            Self::IpDst => "nw_dst",
            Self::SymmetricL3 => "symmetric_l3",
        }
    }
}
