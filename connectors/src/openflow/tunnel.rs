//! The table that maps Geneve options to fields (`NXT_TLV_TABLE_MOD`; "Tunnel metadata" in
//! ovs-fields(7)).

use super::message::{nicira, put_nicira};
use super::wire::{Malformed, Put, Reader};

/// A Geneve option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TunnelOption {
    /// Its class.
    pub class: u16,
    /// Its type.
    pub kind: u8,
    /// The length of its value in bytes, a multiple of 4.
    pub length: u8,
}

/// What a switch says of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TunnelTable {
    /// How many fields there are.
    fields: u16,
    mapped: Vec<(TunnelOption, u16)>,
}

impl TunnelTable {
    /// Reads the answer.
    pub(super) fn read(body: &[u8]) -> Result<TunnelTable, Malformed> {
        let mut reader = Reader::new(body, "tunnel option table");
        reader.skip(4)?;
        let fields = reader.u16()?;
        reader.skip(10)?;
        let mut mapped = Vec::new();
        while !reader.is_empty() {
            let option = TunnelOption { class: reader.u16()?, kind: reader.u8()?, length: reader.u8()? };
            mapped.push((option, reader.u16()?));
            reader.skip(2)?;
        }
        Ok(TunnelTable { fields, mapped })
    }

    /// The number N of the field `tun_metadataN` that holds the option.
    pub(super) fn field(&self, option: TunnelOption) -> Option<u16> {
        self.mapped.iter().find(|(mapped, _)| *mapped == option).map(|(_, field)| *field)
    }

    /// A field that holds no option.
    pub(super) fn free(&self) -> Option<u16> {
        (0..self.fields).find(|field| self.mapped.iter().all(|(_, taken)| taken != field))
    }
}

/// Writes the request to map an option to a field.
pub(super) fn put_map(option: TunnelOption, field: u16, xid: u32, out: &mut Vec<u8>) {
    put_nicira(nicira::TLV_TABLE_MOD, xid, out, |out| {
        // Addition.
        out.zeros(8);
        out.u16(option.class);
        out.u8(option.kind);
        out.u8(option.length);
        out.u16(field);
        out.zeros(2);
    });
}

/// Asks for the table.
pub(super) fn put_request(xid: u32, out: &mut Vec<u8>) {
    put_nicira(nicira::TLV_TABLE_REQUEST, xid, out, |_| {});
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPTION: TunnelOption = TunnelOption { class: 0x102, kind: 0x80, length: 4 };

    #[test]
    fn an_option_has_its_field_or_gets_a_free_one() {
        let mut body = vec![0, 0, 1, 0, 0, 64];
        body.zeros(10);
        assert_eq!(TunnelTable::read(&body).unwrap().free(), Some(0));
        body.bytes(&[0, 1, 2, 4, 0, 0, 0, 0]);
        let table = TunnelTable::read(&body).unwrap();
        assert_eq!((table.field(OPTION), table.free()), (None, Some(1)));
        body.bytes(&[1, 2, 0x80, 4, 0, 5, 0, 0]);
        assert_eq!(TunnelTable::read(&body).unwrap().field(OPTION), Some(5));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = TunnelTable::read(&bytes);
        }
    }
}
