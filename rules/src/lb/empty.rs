//! VIPs without backends (H12, H13): reject connections, tell the CMS that they are wanted, or drop.

use super::Service;

/// The match and action that tell the CMS of a packet to a VIP without backends; `None` if it is not
/// to be told (ovn-nb(5), Load_Balancer options:event).
///
/// What counts is that the CMS has given no backends: health checks make no difference.
pub fn event(service: &Service) -> Option<(String, String)> {
    let Service { lb, vip, .. } = service;
    if !lb.event || lb.reject || !vip.backends.is_empty() {
        return None;
    }
    let protocol = lb.protocol.name();
    let mut matches = format!("{}.dst == {} && {protocol}", vip.family.name(), vip.front.ip);
    if let Some(port) = &vip.front.port {
        matches += &format!(" && {protocol}.dst == {port}");
    }
    let action = format!(
        "trigger_event(event = \"empty_lb_backends\", vip = \"{}\", protocol = \"{protocol}\", \
         load_balancer = \"{}\");",
        vip.front.text(vip.family),
        lb.row
    );
    Some((matches, action))
}
