//! `--user=USER[:GROUP]`.
//!
//! Users and groups are looked up in /etc/passwd and /etc/group alone. Unlike in ovn-northd, no capability is kept: this
//! program needs none, unless it listens on a port below 1024.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use super::DaemonError;

/// A user and group to run as.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub uid: u32,
    pub gid: u32,
}

impl Identity {
    /// The identity that `spec` names: `USER`, `USER:GROUP` or `:GROUP`.
    pub fn find(spec: &str) -> Result<Identity, DaemonError> {
        if !rustix::process::getuid().is_root() || !rustix::process::geteuid().is_root() {
            return Err(DaemonError::NotRoot);
        }
        let read = |path: &str| {
            fs::read_to_string(path).map_err(|error| DaemonError::UserFile(PathBuf::from(path), error))
        };
        let (user, group) = split(spec);
        let passwd = read("/etc/passwd")?;
        let groups = if group.is_empty() { String::new() } else { read("/etc/group")? };
        Identity::look_up(user, group, &passwd, &groups)
    }

    /// Looks up `user` (root when empty, as only root gets here) and `group` (the user's own when empty).
    fn look_up(user: &str, group: &str, passwd: &str, groups: &str) -> Result<Identity, DaemonError> {
        let user = if user.is_empty() { "root" } else { user };
        let fields = entry(passwd, user).ok_or_else(|| DaemonError::NoUser(user.to_owned()))?;
        let id = |field: Option<&&str>| field.and_then(|id| id.parse::<u32>().ok());
        let (Some(uid), Some(gid)) = (id(fields.get(2)), id(fields.get(3))) else {
            return Err(DaemonError::NoUser(user.to_owned()));
        };
        if group.is_empty() {
            return Ok(Identity { uid, gid });
        }
        let no_group = || DaemonError::NoGroup(group.to_owned());
        let fields = entry(groups, group).ok_or_else(no_group)?;
        let wanted = id(fields.get(2)).ok_or_else(no_group)?;
        let member = fields.get(3).is_some_and(|members| members.split(',').any(|member| member == user));
        if wanted != gid && !member {
            return Err(DaemonError::NotInGroup(user.to_owned(), group.to_owned()));
        }
        Ok(Identity { uid, gid: wanted })
    }

    /// Gives the file at `path`, if there is one, to the user.
    pub fn give(&self, path: &Path) -> Result<(), DaemonError> {
        match chown(path, Some(self.uid), Some(self.gid)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(DaemonError::UserFile(path.to_path_buf(), error))
            }
            _ => Ok(()),
        }
    }
}

fn split(spec: &str) -> (&str, &str) {
    let (user, group) = spec.split_once(':').unwrap_or((spec, ""));
    (user.trim(), group.trim())
}

/// The fields of the line of `table` that begins with `name`.
fn entry<'t>(table: &'t str, name: &str) -> Option<Vec<&'t str>> {
    table.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.first() == Some(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups() {
        let find = |spec| {
            let (user, group) = split(spec);
            let passwd = "root:x:0:0:root:/root:/bin/sh\novn:x:101:102::/nonexistent:/bin/false\n";
            Identity::look_up(user, group, passwd, "ovn:x:102:\nhugetlbfs:x:103:dpdk,ovn\nwheel:x:104:\n")
        };
        assert_eq!(find("ovn").unwrap(), Identity { uid: 101, gid: 102 });
        assert_eq!(find("ovn:hugetlbfs").unwrap(), Identity { uid: 101, gid: 103 });
        assert_eq!(find("ovn: ovn").unwrap(), Identity { uid: 101, gid: 102 });
        assert_eq!(find("none").unwrap_err().to_string(), "user none not found, aborting.");
        assert_eq!(find("ovn:none").unwrap_err().to_string(), "group none not found, aborting.");
        assert!(matches!(find("ovn:wheel"), Err(DaemonError::NotInGroup(..))));
        assert!(matches!(find(":wheel"), Err(DaemonError::NotInGroup(..))));
    }
}
