//! Reading expressions.

use super::compare::{Among, Item, zero};
use super::{Connective, Expression, Relation};
use crate::lexer::{NumberFormat, Token};
use crate::reader::{ParseError, Reader, Result};
use crate::symbol::{Constant, FieldRef, SymbolTable};

/// Parentheses stand in parentheses at most this deep.
const MAX_DEPTH: u32 = 100;

/// Reads an expression.
pub fn parse(text: &str, symbols: &SymbolTable) -> Result<Expression> {
    let mut parser = Parser { reader: Reader::new(text, symbols), inverted: false, depth: 0 };
    let expression = parser.expression()?;
    match parser.reader.lexer.token() {
        Token::End => Ok(expression),
        _ => Err(parser.reader.syntax_error("expecting end of input")),
    }
}

struct Parser<'a> {
    reader: Reader<'a>,
    /// Below an odd number of `!`.
    inverted: bool,
    depth: u32,
}

/// Constants and whether they stand in braces.
struct Constants {
    items: Vec<Item>,
    braces: bool,
}

impl Constants {
    /// A constant that is an expression of its own.
    fn truth(&self) -> Option<bool> {
        match (self.braces, &self.items[..]) {
            (false, [Item::Constant(Constant::Integer(number), _)])
                if number.format == NumberFormat::Decimal && number.mask.is_none() && number.value <= 1 =>
            {
                Some(number.value == 1)
            }
            _ => None,
        }
    }
}

impl Parser<'_> {
    /// Operands of `&&`, or of `||`.
    fn expression(&mut self) -> Result<Expression> {
        let first = self.operand()?;
        let (sign, connective) = match self.reader.lexer.token() {
            Token::Punctuation("&&") => ("&&", Connective::And),
            Token::Punctuation("||") => ("||", Connective::Or),
            _ => return Ok(first),
        };
        let mut members = Vec::new();
        first.push_into(connective, &mut members);
        while self.reader.take(sign) {
            self.operand()?.push_into(connective, &mut members);
        }
        if self.reader.at("&&") || self.reader.at("||") {
            return Err(self.reader.error("&& and || must be parenthesized when used together."));
        }
        Ok(Expression::Group(connective, members))
    }

    fn operand(&mut self) -> Result<Expression> {
        if !self.reader.take("!") {
            return self.primary().map(|(expression, _)| expression);
        }
        self.inverted = !self.inverted;
        let (expression, atomic) = self.primary()?;
        self.inverted = !self.inverted;
        match atomic {
            true => Ok(expression.negated()),
            false => Err(self.reader.error("Missing parentheses around operand of !.")),
        }
    }

    /// What `!` may precede, and whether it may as it stands.
    fn primary(&mut self) -> Result<(Expression, bool)> {
        if self.reader.take("(") {
            if self.depth >= MAX_DEPTH {
                return Err(self.reader.error("Parentheses nested too deeply."));
            }
            self.depth += 1;
            let expression = self.expression()?;
            self.depth -= 1;
            self.reader.expect(")")?;
            return Ok((expression, true));
        }
        match self.reader.lexer.token() {
            Token::Template(_) => Err(self.reader.error("Unexpanded template.")),
            Token::Id(_) if self.reader.next_is("(") => Ok((self.function()?, true)),
            Token::Id(_) => self.field_first(),
            _ => self.constant_first(),
        }
    }

    fn function(&mut self) -> Result<Expression> {
        if !self.reader.take_id("is_chassis_resident") {
            return Err(self.reader.error("parsing function name"));
        }
        self.reader.skip();
        let port = self.reader.take_string().ok_or_else(|| self.reader.syntax_error("expecting string"))?;
        self.reader.expect(")")?;
        Ok(Expression::Resident { port: port.into(), negated: false })
    }

    /// `FIELD` or `FIELD RELATION CONSTANTS`.
    fn field_first(&mut self) -> Result<(Expression, bool)> {
        let field = self.reader.field_ref()?;
        if let Some(relation) = self.at_relation() {
            self.reader.skip();
            let constants = self.constants()?;
            return Ok((self.compare(field, relation, constants)?, false));
        }
        if field.bits == 0 || self.reader.at("=") {
            return Err(self.reader.syntax_error("expecting relational operator"));
        }
        if field.bits > 1 && !self.inverted {
            return Err(self
                .reader
                .error("Explicit `!= 0' is required for inequality test of multibit field against 0."));
        }
        let zero = Constants { items: vec![zero()], braces: false };
        Ok((self.compare(field, Relation::NotEqual, zero)?, true))
    }

    /// `0`, `1`, `CONSTANTS RELATION FIELD` or `CONSTANTS RELATION FIELD RELATION CONSTANTS`.
    fn constant_first(&mut self) -> Result<(Expression, bool)> {
        let constants = self.constants()?;
        let Some(relation) = self.at_relation() else {
            return match constants.truth() {
                Some(truth) => Ok((Expression::Constant(truth), true)),
                None => Err(self.reader.syntax_error("expecting relational operator")),
            };
        };
        self.reader.skip();
        let field = self.reader.field_ref()?;
        let Some(second) = self.at_relation() else {
            return Ok((self.compare(field, relation.turned(), constants)?, false));
        };
        self.reader.skip();
        let others = self.constants()?;
        let less = |relation| matches!(relation, Relation::Less | Relation::LessOrEqual);
        let one_way = less(relation) == less(second);
        if relation.is_equality() || second.is_equality() || !one_way {
            return Err(self.reader.error(
                "Range expressions must have the form `x < field < y' or `x > field > y', with each `<' \
                 optionally replaced by `<=' or `>' by `>=').",
            ));
        }
        let low = self.compare(field.clone(), relation.turned(), constants)?;
        let high = self.compare(field, second, others)?;
        Ok((Expression::combine(Connective::And, low, high), false))
    }

    fn at_relation(&self) -> Option<Relation> {
        match self.reader.lexer.token() {
            Token::Punctuation(sign) => Relation::of_sign(sign),
            _ => None,
        }
    }

    fn compare(&self, field: FieldRef, relation: Relation, constants: Constants) -> Result<Expression> {
        let Constants { items, braces } = constants;
        let among = Among { field, relation, items, braces, inverted: self.inverted, negated: false };
        among.compare().map_err(|error| self.reader.error(error))
    }

    fn constants(&mut self) -> Result<Constants> {
        let mut items = Vec::new();
        if !self.reader.take("{") {
            let item = self.item(&items)?;
            return Ok(Constants { items: vec![item], braces: false });
        }
        loop {
            let item = self.item(&items)?;
            items.push(item);
            self.reader.take(",");
            if self.reader.take("}") {
                return Ok(Constants { items, braces: true });
            }
        }
    }

    /// A constant or a set, of the kind of those before.
    fn item(&mut self, before: &[Item]) -> Result<Item> {
        let is_text = match self.reader.lexer.token() {
            Token::String(_) | Token::PortGroup(_) => Some(true),
            Token::Number(_) | Token::AddressSet(_) => Some(false),
            _ => None,
        };
        if let (Some(is_text), Some(first)) = (is_text, before.first())
            && is_text != first.is_text()
        {
            return Err(self.mixed(first.is_text()));
        }
        let item = match self.reader.lexer.token() {
            Token::AddressSet(name) => Item::AddressSet(name.as_str().into()),
            Token::PortGroup(name) => Item::PortGroup(name.as_str().into()),
            _ => return Ok(Item::Constant(self.reader.constant()?, None)),
        };
        self.reader.skip();
        Ok(item)
    }

    fn mixed(&self, texts: bool) -> ParseError {
        self.reader.syntax_error(if texts { "expecting string" } else { "expecting integer" })
    }
}
