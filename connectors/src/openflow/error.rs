//! Errors that a switch reports (OpenFlow 1.5.1 section 7.5.4, and Open vSwitch's own).

use std::fmt;

use super::wire::{Malformed, Reader};

/// Errors that are not OpenFlow's own have this type.
const EXPERIMENTER: u16 = 0xffff;
/// Open vSwitch's number among experimenters.
pub(super) const NICIRA: u32 = 0x0000_2320;

/// What a switch had against a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SwitchError {
    /// The type, 0xffff for an experimenter's.
    pub kind: u16,
    /// The code within the type.
    pub code: u16,
    /// Whose error it is if the type is 0xffff, otherwise 0.
    pub experimenter: u32,
}

impl SwitchError {
    /// Reads the body of an error message; the beginning of the message that caused it follows.
    pub(super) fn read(body: &mut Reader<'_>) -> Result<SwitchError, Malformed> {
        let (kind, code) = (body.u16()?, body.u16()?);
        let experimenter = if kind == EXPERIMENTER { body.u32()? } else { 0 };
        Ok(SwitchError { kind, code, experimenter })
    }

    /// Whether it is about a bundle rather than about what is in it.
    pub(super) fn is_of_bundle(&self) -> bool {
        self.kind == 17
    }

    /// Its name in Open vSwitch, `None` for an unknown one.
    pub fn name(&self) -> Option<&'static str> {
        let codes = match (self.kind, self.experimenter) {
            (EXPERIMENTER, NICIRA) => {
                return NICIRA_CODES.iter().find(|(code, _)| *code == self.code).map(|(_, name)| *name);
            }
            (kind, _) => TYPES.iter().find(|(known, _)| *known == kind)?.1,
        };
        codes.get(usize::from(self.code)).copied().filter(|name| !name.is_empty())
    }
}

impl fmt::Display for SwitchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.experimenter) {
            (Some(name), _) => f.write_str(name),
            (None, 0) => write!(f, "OpenFlow error type {}, code {}", self.kind, self.code),
            (None, experimenter) => {
                write!(f, "OpenFlow error {} of experimenter {experimenter:#x}", self.code)
            }
        }
    }
}

impl std::error::Error for SwitchError {}

/// The names of codes by type, in the order of their numbers.
const TYPES: &[(u16, &[&str])] = &[
    (0, &["OFPHFC_INCOMPATIBLE", "OFPHFC_EPERM"]),
    (
        1,
        &[
            "OFPBRC_BAD_VERSION",
            "OFPBRC_BAD_TYPE",
            "OFPBRC_BAD_STAT",
            "OFPBRC_BAD_VENDOR",
            "OFPBRC_BAD_SUBTYPE",
            "OFPBRC_EPERM",
            "OFPBRC_BAD_LEN",
            "OFPBRC_BUFFER_EMPTY",
            "OFPBRC_BUFFER_UNKNOWN",
            "OFPBRC_BAD_TABLE_ID",
            "OFPBRC_IS_SECONDARY",
            "OFPBRC_BAD_PORT",
            "OFPBRC_BAD_PACKET",
            "OFPBRC_MULTIPART_BUFFER_OVERFLOW",
            "OFPBRC_MULTIPART_REQUEST_TIMEOUT",
            "OFPBRC_MULTIPART_REPLY_TIMEOUT",
            "OFPBRC_MULTIPART_BAD_SCHED",
            "OFPBRC_PIPELINE_FIELDS_ONLY",
            "OFPBRC_UNKNOWN",
        ],
    ),
    (
        2,
        &[
            "OFPBAC_BAD_TYPE",
            "OFPBAC_BAD_LEN",
            "OFPBAC_BAD_VENDOR",
            "OFPBAC_BAD_VENDOR_TYPE",
            "OFPBAC_BAD_OUT_PORT",
            "OFPBAC_BAD_ARGUMENT",
            "OFPBAC_EPERM",
            "OFPBAC_TOO_MANY",
            "OFPBAC_BAD_QUEUE",
            "OFPBAC_BAD_OUT_GROUP",
            "OFPBAC_MATCH_INCONSISTENT",
            "OFPBAC_UNSUPPORTED_ORDER",
            "OFPBAC_BAD_TAG",
            "OFPBAC_BAD_SET_TYPE",
            "OFPBAC_BAD_SET_LEN",
            "OFPBAC_BAD_SET_ARGUMENT",
            "OFPBAC_BAD_SET_MASK",
            "OFPBAC_BAD_METER",
        ],
    ),
    (
        3,
        &[
            "OFPBIC_UNKNOWN_INST",
            "OFPBIC_UNSUP_INST",
            "OFPBIC_BAD_TABLE_ID",
            "OFPBIC_UNSUP_METADATA",
            "OFPBIC_UNSUP_METADATA_MASK",
            "OFPBIC_BAD_EXPERIMENTER",
            "OFPBIC_BAD_EXP_TYPE",
            "OFPBIC_BAD_LEN",
            "OFPBIC_EPERM",
            "OFPBIC_DUP_INST",
        ],
    ),
    (
        4,
        &[
            "OFPBMC_BAD_TYPE",
            "OFPBMC_BAD_LEN",
            "OFPBMC_BAD_TAG",
            "OFPBMC_BAD_DL_ADDR_MASK",
            "OFPBMC_BAD_NW_ADDR_MASK",
            "OFPBMC_BAD_WILDCARDS",
            "OFPBMC_BAD_FIELD",
            "OFPBMC_BAD_VALUE",
            "OFPBMC_BAD_MASK",
            "OFPBMC_BAD_PREREQ",
            "OFPBMC_DUP_FIELD",
            "OFPBMC_EPERM",
        ],
    ),
    (
        5,
        &[
            "OFPFMFC_UNKNOWN",
            "OFPFMFC_TABLE_FULL",
            "OFPFMFC_BAD_TABLE_ID",
            "OFPFMFC_OVERLAP",
            "OFPFMFC_EPERM",
            "OFPFMFC_BAD_TIMEOUT",
            "OFPFMFC_BAD_COMMAND",
            "OFPFMFC_BAD_FLAGS",
            "OFPFMFC_CANT_SYNC",
            "OFPFMFC_BAD_PRIORITY",
            "OFPFMFC_IS_SYNC",
        ],
    ),
    (
        6,
        &[
            "OFPGMFC_GROUP_EXISTS",
            "OFPGMFC_INVALID_GROUP",
            "OFPGMFC_WEIGHT_UNSUPPORTED",
            "OFPGMFC_OUT_OF_GROUPS",
            "OFPGMFC_OUT_OF_BUCKETS",
            "OFPGMFC_CHAINING_UNSUPPORTED",
            "OFPGMFC_WATCH_UNSUPPORTED",
            "OFPGMFC_LOOP",
            "OFPGMFC_UNKNOWN_GROUP",
            "OFPGMFC_CHAINED_GROUP",
            "OFPGMFC_BAD_TYPE",
            "OFPGMFC_BAD_COMMAND",
            "OFPGMFC_BAD_BUCKET",
            "OFPGMFC_BAD_WATCH",
            "OFPGMFC_EPERM",
            "OFPGMFC_UNKNOWN_BUCKET",
            "OFPGMFC_BUCKET_EXISTS",
        ],
    ),
    (
        12,
        &[
            "OFPMMFC_UNKNOWN",
            "OFPMMFC_METER_EXISTS",
            "OFPMMFC_INVALID_METER",
            "OFPMMFC_UNKNOWN_METER",
            "OFPMMFC_BAD_COMMAND",
            "OFPMMFC_BAD_FLAGS",
            "OFPMMFC_BAD_RATE",
            "OFPMMFC_BAD_BURST",
            "OFPMMFC_BAD_BAND",
            "OFPMMFC_BAD_BAND_VALUE",
            "OFPMMFC_OUT_OF_METERS",
            "OFPMMFC_OUT_OF_BANDS",
        ],
    ),
    (14, &["OFPBPC_BAD_TYPE", "OFPBPC_BAD_LEN", "OFPBPC_BAD_VALUE"]),
    (
        17,
        &[
            "OFPBFC_UNKNOWN",
            "OFPBFC_EPERM",
            "OFPBFC_BAD_ID",
            "OFPBFC_BUNDLE_EXIST",
            "OFPBFC_BUNDLE_CLOSED",
            "OFPBFC_OUT_OF_BUNDLES",
            "OFPBFC_BAD_TYPE",
            "OFPBFC_BAD_FLAGS",
            "OFPBFC_MSG_BAD_LEN",
            "OFPBFC_MSG_BAD_XID",
            "OFPBFC_MSG_UNSUP",
            "OFPBFC_MSG_CONFLICT",
            "OFPBFC_MSG_TOO_MANY",
            "OFPBFC_MSG_FAILED",
            "OFPBFC_TIMEOUT",
            "OFPBFC_BUNDLE_IN_PROGRESS",
        ],
    ),
];

/// The names of Open vSwitch's own errors.
const NICIRA_CODES: &[(u16, &str)] = &[
    (4, "NXBRC_MUST_BE_ZERO"),
    (11, "NXBAC_MUST_BE_ZERO"),
    (15, "NXBAC_BAD_CONJUNCTION"),
    (16, "NXTTMFC_BAD_COMMAND"),
    (17, "NXTTMFC_BAD_OPT_LEN"),
    (18, "NXTTMFC_BAD_FIELD_IDX"),
    (19, "NXTTMFC_TABLE_FULL"),
    (20, "NXTTMFC_ALREADY_MAPPED"),
    (21, "NXTTMFC_DUP_ENTRY"),
    (37, "NXFMFC_INVALID_TLV_FIELD"),
    (38, "NXTTMFC_INVALID_TLV_DEL"),
    (42, "NXBAC_CT_DATAPATH_SUPPORT"),
    (43, "NXBMC_CT_DATAPATH_SUPPORT"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> SwitchError {
        SwitchError::read(&mut Reader::new(bytes, "error")).unwrap()
    }

    #[test]
    fn errors_have_names() {
        assert_eq!(read(&[0, 2, 0, 9]).to_string(), "OFPBAC_BAD_OUT_GROUP");
        assert_eq!(read(&[0, 17, 0, 13]).to_string(), "OFPBFC_MSG_FAILED");
        assert!(read(&[0, 17, 0, 13]).is_of_bundle());
        let own = read(&[0xff, 0xff, 0, 37, 0, 0, 0x23, 0x20]);
        assert_eq!(own.to_string(), "NXFMFC_INVALID_TLV_FIELD");
        assert_eq!(read(&[0, 5, 0, 77]).to_string(), "OpenFlow error type 5, code 77");
        assert_eq!(read(&[0xff, 0xff, 0, 1, 0, 0, 0, 9]).to_string(), "OpenFlow error 1 of experimenter 0x9");
    }
}
