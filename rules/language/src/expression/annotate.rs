//! What symbols need and stand for.

use std::sync::Arc;

use super::{Comparison, Connective, Expression, Operand, Relation, parse};
use crate::reader::{ParseError, Result};
use crate::symbol::{Place, Symbol, SymbolTable};

impl Expression {
    /// With the prerequisites of its symbols, the whole symbols in place of their parts, and the
    /// expressions that predicates stand for.
    pub fn annotate(self, symbols: &SymbolTable) -> Result<Expression> {
        Annotator { symbols, open: Vec::new() }.expression(self, true)
    }
}

/// The expression of a prerequisite, annotated.
pub(crate) fn prerequisite(text: &'static str, symbols: &SymbolTable) -> Result<Expression> {
    Annotator { symbols, open: Vec::new() }.inner(text)
}

struct Annotator<'a> {
    symbols: &'a SymbolTable,
    /// Symbols that are being expanded.
    open: Vec<&'static str>,
}

impl Annotator<'_> {
    /// A prerequisite or predicate.
    fn inner(&mut self, text: &str) -> Result<Expression> {
        let expression = parse(text, self.symbols);
        expression.and_then(|expression| self.expression(expression, true)).map_err(|ParseError(error)| {
            ParseError(format!(
                "Error parsing expression `{text}' encountered as prerequisite or predicate of initial \
                 expression: {error}"
            ))
        })
    }

    /// If all of a group compares one symbol, the group needs what the symbol needs, once.
    fn expression(&mut self, expression: Expression, needs: bool) -> Result<Expression> {
        let mut needs = needs;
        let expression = match (&expression, expression.only_symbol()) {
            (Expression::Group(..), Some(symbol)) if needs => {
                needs = false;
                let prerequisite = symbol.prerequisite;
                self.with_prerequisite(expression, prerequisite)?
            }
            _ => expression,
        };
        match expression {
            Expression::Compare(comparison) => self.comparison(comparison, needs),
            Expression::Group(connective, members) => {
                let mut annotated = Vec::with_capacity(members.len());
                for member in members {
                    self.expression(member, needs)?.push_into(connective, &mut annotated);
                }
                Ok(Expression::Group(connective, annotated))
            }
            other => Ok(other),
        }
    }

    fn with_prerequisite(&mut self, expression: Expression, prerequisite: &str) -> Result<Expression> {
        Ok(match prerequisite {
            "" => expression,
            text => Expression::combine(Connective::And, expression, self.inner(text)?),
        })
    }

    fn comparison(&mut self, comparison: Comparison, needs: bool) -> Result<Expression> {
        let Symbol { name, prerequisite, .. } = *comparison.symbol;
        if self.open.contains(&name) {
            return Err(ParseError(format!("Recursive expansion of symbol `{name}'.")));
        }
        self.open.push(name);
        // The prerequisite is read first, as its mistakes are the ones to tell.
        let prerequisite = match prerequisite {
            text if needs && !text.is_empty() => Some(self.inner(text)?),
            _ => None,
        };
        let expression = self.expansion(comparison)?;
        self.open.pop();
        Ok(match prerequisite {
            Some(prerequisite) => Expression::combine(Connective::And, expression, prerequisite),
            None => expression,
        })
    }

    fn expansion(&mut self, comparison: Comparison) -> Result<Expression> {
        match &comparison.symbol.place {
            Place::Part(..) => Ok(Expression::Compare(in_whole(comparison))),
            Place::Predicate(text) => {
                let expression = self.inner(text)?;
                let one = matches!(comparison.operand, Operand::Number { value, .. } if value & 1 == 1);
                let positive = one == (comparison.relation == Relation::Equal);
                Ok(if positive { expression } else { expression.negated() })
            }
            Place::Field(_) | Place::Note => Ok(Expression::Compare(comparison)),
        }
    }
}

/// A comparison of a part of a symbol as one of the symbol.
fn in_whole(mut comparison: Comparison) -> Comparison {
    while let Place::Part(whole, first) = &comparison.symbol.place {
        let (whole, first) = (Arc::clone(whole), *first);
        match &mut comparison.operand {
            Operand::Number { value, mask } => {
                *value <<= first;
                *mask <<= first;
            }
            Operand::Element { offset, .. } => *offset += first,
            Operand::Text(_) => {}
        }
        comparison.symbol = whole;
    }
    comparison
}
