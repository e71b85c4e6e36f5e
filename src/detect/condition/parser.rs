//! From text to [`Condition`]: tokens, then recursive descent with a bound on its depth.

use super::{Condition, ConditionError, RESERVED};
use crate::detect::{excerpt::cut, limits, suggestion::did_you_mean};

/// The condition that a text states over selections of these names.
pub fn parse(text: &str, names: &[&str]) -> Result<Condition, ConditionError> {
    let length = text.chars().count();
    if length > limits::CONDITION_CHARS {
        return Err(ConditionError::TooLong { length });
    }
    let mut parser = Parser {
        tokens: tokens(text),
        end: length + 1,
        next: 0,
        depth: 0,
        names,
    };
    let condition = parser.any()?;
    match parser.peek() {
        None => Ok(condition),
        Some(_) => Err(parser.unexpected("\"and\", \"or\" or the end")),
    }
}

#[derive(Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    column: usize,
}

/// Parentheses stand for themselves; everything else between blanks is one word.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut word: Option<(usize, usize)> = None;
    for (at, (offset, character)) in text.char_indices().enumerate() {
        let paren = matches!(character, '(' | ')');
        if !paren && !character.is_whitespace() {
            word.get_or_insert((offset, at + 1));
            continue;
        }
        if let Some((start, column)) = word.take() {
            let text = &text[start..offset];
            tokens.push(Token { text, column });
        }
        if paren {
            let text = &text[offset..=offset];
            let column = at + 1;
            tokens.push(Token { text, column });
        }
    }
    if let Some((start, column)) = word {
        let text = &text[start..];
        tokens.push(Token { text, column });
    }
    tokens
}

struct Parser<'t, 'n> {
    tokens: Vec<Token<'t>>,
    /// Column after the last character.
    end: usize,
    next: usize,
    depth: usize,
    names: &'n [&'n str],
}

impl<'t> Parser<'t, '_> {
    fn peek(&self) -> Option<&'t str> {
        self.tokens.get(self.next).map(|token| token.text)
    }

    fn column(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.end, |token| token.column)
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.peek() == Some(text);
        self.next += usize::from(taken);
        taken
    }

    fn unexpected(&self, expected: &'static str) -> ConditionError {
        ConditionError::Unexpected {
            expected,
            found: self.peek().map_or("the end".to_owned(), |text| {
                format!("\"{}\"", cut(text, 63))
            }),
            column: self.column(),
        }
    }

    fn any(&mut self) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.all()?];
        while self.take("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.not()?];
        while self.take("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Condition::All))
    }

    fn not(&mut self) -> Result<Condition, ConditionError> {
        let column = self.column();
        if self.take("not") {
            let inner = self.nested(column, Self::not)?;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.take("(") {
            let inner = self.nested(column, Self::any)?;
            return match self.take(")") {
                true => Ok(inner),
                false => Err(self.unexpected("\")\"")),
            };
        }
        self.operand()
    }

    fn nested(
        &mut self,
        column: usize,
        inner: fn(&mut Self) -> Result<Condition, ConditionError>,
    ) -> Result<Condition, ConditionError> {
        if self.depth == limits::CONDITION_NESTING {
            return Err(ConditionError::TooDeep { column });
        }
        self.depth += 1;
        let condition = inner(self);
        self.depth -= 1;
        condition
    }

    fn operand(&mut self) -> Result<Condition, ConditionError> {
        const EXPECTED: &str = "a selection, \"not\", \"(\", \"1 of\" or \"all of\"";
        let quantity: Option<fn(Vec<Condition>) -> Condition> = match self.peek() {
            Some("1") => Some(Condition::Any),
            Some("all") => Some(Condition::All),
            Some(word) if word != ")" && !RESERVED.contains(&word) => None,
            _ => return Err(self.unexpected(EXPECTED)),
        };
        match quantity {
            Some(quantity) => {
                self.next += 1;
                if !self.take("of") {
                    return Err(self.unexpected("\"of\""));
                }
                Ok(one_or(self.group()?, quantity))
            }
            None if self.tokens.get(self.next + 1).map(|t| t.text) == Some("of") => {
                Err(self.unexpected("\"1 of\" or \"all of\""))
            }
            None => self.selection(),
        }
    }

    /// The selections that `them`, a name or the beginning of names stands for.
    fn group(&mut self) -> Result<Vec<Condition>, ConditionError> {
        if self.take("them") {
            return Ok((0..self.names.len()).map(Condition::Selection).collect());
        }
        let Some(prefix) = self.peek().and_then(|word| word.strip_suffix('*')) else {
            return match self.peek() {
                Some(word) if word != "(" => Ok(vec![self.selection()?]),
                _ => {
                    Err(self
                        .unexpected("a selection, the beginning of names with \"*\", or \"them\""))
                }
            };
        };
        let members: Vec<_> = (0..self.names.len())
            .filter(|index| self.names[*index].starts_with(prefix))
            .map(Condition::Selection)
            .collect();
        match members.is_empty() {
            true => Err(self.unknown()),
            false => {
                self.next += 1;
                Ok(members)
            }
        }
    }

    fn selection(&mut self) -> Result<Condition, ConditionError> {
        let name = self.peek();
        match self.names.iter().position(|known| Some(*known) == name) {
            Some(index) => {
                self.next += 1;
                Ok(Condition::Selection(index))
            }
            None => Err(self.unknown()),
        }
    }

    fn unknown(&self) -> ConditionError {
        let name = self.peek().unwrap_or_default();
        let known = self.names.iter().copied().chain(RESERVED);
        ConditionError::Unknown {
            name: cut(name, limits::NAME_CHARS).into_owned(),
            column: self.column(),
            suggestion: did_you_mean(name, known),
        }
    }
}

fn one_or(mut parts: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}
