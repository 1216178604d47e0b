//! ARP and neighbour discovery.
