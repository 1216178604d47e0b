//! What a controller makes of southbound contents in the switches of its chassis: scenarios with chassis, what
//! the reference put into their integration bridges, and how ours is compared with it.
//!
//! A scenario's lines are those of [`player`](crate::player), and these:
//!
//! - `chassis NAME [KEY=VALUE ...]` starts a switch and a controller, with these settings of Open_vSwitch beside
//!   the necessary ones;
//! - `stop NAME` ends both;
//! - `vsctl NAME ...` runs `ovs-vsctl` on the switch's database;
//! - `appctl NAME ...` asks the switch itself, as `ovs-appctl` does;
//! - `except TABLE ...` names OpenFlow tables that are not compared in this scenario.
//!
//! At a check point the reference has followed and has computed everything anew.

pub mod facts;
pub mod flow;
pub mod hypervisor;
pub mod judge;
pub mod player;
pub mod recording;
