//! Load balancing (ovn-nb(5), Load_Balancer and Load_Balancer_Group): what the CMS asks for, and the
//! flows and rows that follow.
//!
//! A load balancer's flows are written once for each row by which datapaths have it
//! ([`attach::Holder`]): a group of load balancers on 500 switches is one set of 500 switches, whatever
//! the number of services in it.

pub mod attach;
