//! Conjunctions and disjunctions over one symbol, as one disjunction of comparisons.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::normalize::{Budget, NormalizeError, Outcome};
use super::{Comparison, Connective, Expression, Operand, Relation};
use crate::symbol::Level;

/// Comparisons of one symbol, of which any may hold.
type Terms = Vec<Comparison>;

/// Terms in order of how many bits of a number count, and the address set of each.
type ByOperand = BTreeMap<(u32, Operand), Option<Arc<str>>>;

/// Whether two expressions compare one symbol, and the same.
pub(super) fn same_symbol(left: &Expression, right: &Expression) -> bool {
    match (left.only_symbol(), right.only_symbol()) {
        (Some(left), Some(right)) => Arc::ptr_eq(left, right),
        _ => false,
    }
}

/// The conjunction of expressions over one symbol: a comparison, a disjunction of them, or a constant.
pub(super) fn crush(members: &[Expression], budget: &mut Budget) -> Outcome<Expression> {
    let mut members = members.to_vec();
    let terms = match members.len() {
        1 => terms(members.remove(0), budget)?,
        _ => {
            let mut flat = Vec::new();
            members.into_iter().for_each(|member| member.push_into(Connective::And, &mut flat));
            all(flat, budget)?
        }
    };
    Ok(match terms {
        None => Expression::Constant(true),
        Some(terms) => {
            Expression::group(Connective::Or, terms.into_iter().map(Expression::Compare).collect())
        }
    })
}

/// An expression over one symbol as terms; `None`: it is true.
fn terms(expression: Expression, budget: &mut Budget) -> Outcome<Option<Terms>> {
    match expression {
        Expression::Compare(comparison) => Ok(Some(vec![comparison])),
        Expression::Constant(true) => Ok(None),
        Expression::Group(Connective::And, members) => all(members, budget),
        Expression::Group(Connective::Or, members) => {
            let mut any = Vec::with_capacity(members.len());
            for member in members {
                match terms(member, budget)? {
                    Some(terms) => any.extend(terms),
                    None => return Ok(None),
                }
            }
            distinct(any, budget).map(Some)
        }
        Expression::Constant(false) | Expression::Among(_) | Expression::Resident { .. } => {
            Ok(Some(Vec::new()))
        }
    }
}

/// The conjunction of expressions over one symbol.
fn all(members: Vec<Expression>, budget: &mut Budget) -> Outcome<Option<Terms>> {
    // What a number has to be in any case, and what it has to be one of.
    let mut fixed: Option<Comparison> = None;
    let mut choices: Vec<Terms> = Vec::new();
    for member in members {
        let Some(mut terms) = terms(member, budget)? else { continue };
        match (terms.len(), &fixed) {
            (0, _) => return Ok(Some(Vec::new())),
            (1, None) => fixed = terms.pop(),
            (1, Some(other)) => match both(other, &terms[0])? {
                Some(comparison) => fixed = Some(Comparison { set: None, ..comparison }),
                None => return Ok(Some(Vec::new())),
            },
            _ => choices.push(terms),
        }
    }
    let several = choices.len() > 1;
    let mut choices = choices.into_iter();
    let mut terms = match (fixed, choices.next()) {
        (None, None) => return Ok(None),
        (Some(fixed), None) => return Ok(Some(vec![Comparison { set: element_set(&fixed), ..fixed }])),
        (None, Some(first)) => first,
        (Some(fixed), Some(first)) => product(&[fixed], &first, budget)?,
    };
    for choice in choices {
        terms = distinct(product(&terms, &choice, budget)?, budget)?;
    }
    if several {
        terms.iter_mut().for_each(|term| term.set = element_set(term));
    }
    distinct(terms, budget).map(Some)
}

/// A comparison that several have become is from no set any more.
fn element_set(comparison: &Comparison) -> Option<Arc<str>> {
    comparison.set.clone().filter(|_| matches!(comparison.operand, Operand::Element { .. }))
}

fn product(left: &[Comparison], right: &[Comparison], budget: &mut Budget) -> Outcome<Terms> {
    budget.spend(left.len() * right.len())?;
    let mut out = Vec::new();
    for left in left {
        for right in right {
            out.extend(both(left, right)?);
        }
    }
    Ok(out)
}

/// The comparison that holds where two do; it is of the set of the second.
fn both(left: &Comparison, right: &Comparison) -> Outcome<Option<Comparison>> {
    use Operand::{Number, Text};
    let operand = match (&left.operand, &right.operand) {
        (Number { value: a, mask: am }, Number { value: b, mask: bm }) => {
            (((a ^ b) & am & bm) == 0).then_some(Number { value: a | b, mask: am | bm })
        }
        (Text(a), Text(b)) => (a == b).then(|| right.operand.clone()),
        _ if left == right => Some(right.operand.clone()),
        _ => return Err(NormalizeError::Entangled),
    };
    Ok(operand.map(|operand| Comparison { operand, ..right.clone() }))
}

/// Terms in order, each once. Those within others are left out, unless elements of an address set are
/// among them: these are to stay, whatever others come and go.
fn distinct(terms: Terms, budget: &mut Budget) -> Outcome<Terms> {
    let is_element = |term: &Comparison| matches!(term.operand, Operand::Element { .. });
    if terms.iter().any(is_element) && terms.iter().any(|term| term.relation != Relation::Equal) {
        return Err(NormalizeError::Entangled);
    }
    let Some(symbol) = terms.first().map(|term| Arc::clone(&term.symbol)) else { return Ok(terms) };
    let of_set = terms.iter().any(|term| term.set.is_some());
    let mut by_operand = ByOperand::new();
    for term in terms {
        let bits = match &term.operand {
            Operand::Number { mask, .. } => mask.count_ones(),
            _ => 0,
        };
        by_operand.entry((bits, term.operand)).and_modify(|set| *set = None).or_insert(term.set);
    }
    if !of_set && symbol.level == Level::Ordinal {
        leave_out_parts(&mut by_operand, budget)?;
    }
    let comparison = |((_, operand), set)| Comparison {
        symbol: Arc::clone(&symbol),
        relation: Relation::Equal,
        operand,
        set,
    };
    Ok(by_operand.into_iter().map(comparison).collect())
}

/// Leaves out numbers that another with fewer bits includes.
fn leave_out_parts(terms: &mut ByOperand, budget: &mut Budget) -> Outcome<()> {
    let mut kept: HashMap<u128, HashSet<u128>> = HashMap::new();
    let mut spent = Ok(());
    terms.retain(|(_, operand), _| {
        let Operand::Number { value, mask } = operand else { return true };
        let includes = |(wider, values): (&u128, &HashSet<u128>)| {
            wider & mask == *wider && wider != mask && values.contains(&(value & wider))
        };
        if spent.is_err() {
            return true;
        }
        spent = budget.spend(kept.len());
        let part = kept.iter().any(includes);
        if !part {
            kept.entry(*mask).or_default().insert(*value);
        }
        !part
    });
    spent
}
