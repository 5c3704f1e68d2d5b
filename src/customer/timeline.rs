//! Spans in which something holds, where later statements paint over earlier ones. PURE.

use crate::period::Span;

/// What holds in a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Painted<T> {
    pub span: Span,
    pub value: T,
}

/// Paints `value` over `span`: what was there is cut away, neighbours with an equal value are
/// joined. `parts` stay ascending and without overlap. An empty span changes nothing.
pub fn paint<T: Clone + PartialEq>(parts: &mut Vec<Painted<T>>, span: Span, value: T) {
    if span.is_empty() {
        return;
    }
    let mut kept: Vec<Painted<T>> = Vec::with_capacity(parts.len() + 2);
    for part in parts.drain(..) {
        let before = Span::new(part.span.from, part.span.until.min(span.from));
        let after = Span::new(part.span.from.max(span.until), part.span.until);
        for rest in [before, after] {
            if !rest.is_empty() {
                kept.push(Painted { span: rest, value: part.value.clone() });
            }
        }
    }
    kept.push(Painted { span, value });
    kept.sort_by_key(|part| part.span.from);
    for part in kept {
        match parts.last_mut() {
            Some(last) if last.span.until == part.span.from && last.value == part.value => {
                last.span.until = part.span.until;
            }
            _ => parts.push(part),
        }
    }
}
