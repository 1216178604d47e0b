//! `FIELD = select(...)`: writes one of several numbers, by hash.

use std::fmt;

use super::encode::Encoder;
use super::group::{Group, Selection};
use super::parse::{Parser, Result};
use crate::openflow::Action;
use crate::symbol::FieldRef;

/// Writes one of several numbers and goes on in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// Where to, at least 16 bits.
    pub field: FieldRef,
    /// The numbers, at least two.
    pub buckets: Vec<Bucket>,
    /// Fields to hash, as of a group; without them the switch hashes what it likes.
    pub hash_fields: Option<String>,
    /// The table of the pipeline.
    pub table: u8,
}

/// One of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The number.
    pub id: u16,
    /// How often it is taken, relative to the others.
    pub weight: u16,
}

impl Bucket {
    const DEFAULT_WEIGHT: u16 = 100;

    fn parse(parser: &mut Parser<'_>) -> Result<Bucket> {
        let id = parser.expect_u16("id")?;
        let mut weight = Self::DEFAULT_WEIGHT;
        if parser.take("=") {
            weight = parser.expect_u16("weight")?;
            if weight == 0 {
                return Err(parser.syntax_error("weight can't be 0"));
            }
        }
        Ok(Bucket { id, weight })
    }
}

impl Select {
    /// After `FIELD =`, with the name next.
    pub(super) fn parse(parser: &mut Parser<'_>, field: FieldRef) -> Result<Select> {
        parser.check(&field, field.bits, true)?;
        if field.bits < 16 {
            let (bits, first) = (i32::from(field.bits), i32::from(field.offset));
            return Err(parser.error(format!(
                "cannot use {bits}-bit field {}[{first}..{}] for \"select\", which requires at least 16 bits.",
                field.name(),
                first + bits - 1
            )));
        }
        let table = parser.table_after("select")?;
        parser.skip();
        parser.skip();
        let with_fields = parser.take_id("values");
        if with_fields {
            parser.expect("=")?;
            parser.expect("(")?;
        }
        let mut buckets = Vec::new();
        while !parser.take(")") {
            buckets.push(Bucket::parse(parser)?);
            parser.take(",");
        }
        if buckets.len() < 2 {
            return Err(parser.syntax_error("expecting at least 2 group members"));
        }
        let hash_fields = if with_fields { Some(Self::parse_fields(parser)?) } else { None };
        Ok(Select { field, buckets, hash_fields, table })
    }

    fn parse_fields(parser: &mut Parser<'_>) -> Result<String> {
        parser.expect(";")?;
        if !parser.take_id("hash_fields") {
            return Err(parser.syntax_error("expecting hash_fields"));
        }
        if !parser.take("=") || !parser.next_is(")") {
            return Err(parser.syntax_error("invalid hash_fields"));
        }
        let fields = parser.take_string().ok_or_else(|| parser.syntax_error("invalid hash_fields"))?;
        parser.expect(")")?;
        Ok(fields)
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let table = encoder.table(self.table);
        let place = self.field.resolve();
        let selection = match &self.hash_fields {
            Some(fields) => Selection::Fields(fields.clone()),
            None => Selection::Datapath { symmetric: encoder.context.features.symmetric_hash },
        };
        let mut group = Group::new(selection);
        let (first, last) = (place.offset, place.offset + place.bits - 1);
        for (number, Bucket { id, weight }) in self.buckets.iter().enumerate() {
            let written = format!("load:{id}->{}[{first}..{last}],resubmit(,{table})", place.field);
            let actions = vec![Action::load((*id).into(), place), Action::resubmit(table)];
            group.add(number as u32, *weight, actions, &written);
        }
        encoder.group(&group);
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buckets: Vec<String> =
            self.buckets.iter().map(|Bucket { id, weight }| format!("{id}={weight}")).collect();
        let buckets = buckets.join(", ");
        match &self.hash_fields {
            None => write!(f, "{} = select({buckets});", self.field),
            Some(fields) => {
                write!(f, "{} = select(values=({buckets}); hash_fields=\"{fields}\");", self.field)
            }
        }
    }
}
