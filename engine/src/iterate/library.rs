//! Recursions that many programs want.

use std::hash::Hash;

use crate::record::Record;
use crate::relation::Relation;

/// The nodes that can be reached from `roots` along `edges` (from, to); the roots are among them.
///
/// Cost of a change: what it adds to or takes from the reached part, and the edges there.
#[track_caller]
pub fn reach<N: Record + Clone>(edges: &Relation<(N, N)>, roots: &Relation<N>) -> Relation<N> {
    roots.iterate(|scope, reached| {
        let edges = scope.enter(edges).index_by(|edge| edge.0.clone());
        let next = reached.index_by(Clone::clone).join(&edges, |_, edge| edge.1.clone());
        next.concat(&scope.enter(roots)).distinct()
    })
}

/// For each node of `edges`, the smallest node of its component (edges count both ways).
///
/// Cost of a change: the components it touches.
#[track_caller]
pub fn components<N: Record + Clone + Hash>(edges: &Relation<(N, N)>) -> Relation<(N, N)> {
    let both = edges.flat_map(|(a, b)| [(a.clone(), b.clone()), (b.clone(), a.clone())]).distinct();
    let nodes = both.map(|(node, _)| (node.clone(), node.clone())).distinct();
    nodes.iterate(|scope, labels| {
        let both = scope.enter(&both).index_by(|edge| edge.0.clone());
        let offers = labels
            .index_by(|(node, _)| node.clone())
            .join(&both, |(_, label), (_, neighbour)| (neighbour.clone(), label.clone()));
        offers
            .concat(&scope.enter(&nodes))
            .index_by(|(node, _)| node.clone())
            .reduce(|group| group.rows().min().cloned())
    })
}
