//! Reads the XML of a part of a workbook, node by node.

use std::borrow::Cow;
use std::io::BufRead;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesEnd, BytesStart, Event};

use super::WorkbookError;

/// The nodes of one document, in their order.
pub(super) struct Xml<R> {
    reader: quick_xml::Reader<R>,
    buffer: Vec<u8>,
    /// How many elements are open.
    depth: usize,
}

pub(super) enum Node<'a> {
    /// An empty element is a start and an end.
    Start(Element<'a>),
    End(ElementEnd<'a>),
    Text(Cow<'a, str>),
    /// A comment or the like.
    Other,
    /// The document is complete.
    EndOfDocument,
}

/// The start of an element.
pub(super) struct Element<'a>(BytesStart<'a>);

pub(super) struct ElementEnd<'a>(BytesEnd<'a>);

impl<R: BufRead> Xml<R> {
    pub(super) fn new(input: R) -> Self {
        let mut reader = quick_xml::Reader::from_reader(input);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), depth: 0 }
    }

    /// How many elements are open; the start of an element counts, its end does not.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn next(&mut self) -> Result<Node<'_>, WorkbookError> {
        self.buffer.clear();
        let event = self.reader.read_event_into(&mut self.buffer).map_err(WorkbookError::damaged)?;
        Ok(match event {
            Event::Start(start) => {
                self.depth += 1;
                Node::Start(Element(start))
            }
            Event::End(end) => {
                self.depth -= 1;
                Node::End(ElementEnd(end))
            }
            Event::Text(text) => Node::Text(text.xml10_content()),
            Event::CData(text) => Node::Text(text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(WorkbookError::damaged)?;
                let text = match character {
                    Some(character) => Some(Cow::Owned(character.to_string())),
                    None => resolve_predefined_entity(&reference).map(Cow::Borrowed),
                };
                Node::Text(text.ok_or_else(|| WorkbookError::damaged("a part uses an unknown entity"))?)
            }
            Event::Eof if self.depth > 0 => {
                return Err(WorkbookError::damaged("a part ends in the middle"));
            }
            Event::Eof => Node::EndOfDocument,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                Node::Other
            }
        })
    }
}

impl Element<'_> {
    /// The name without its prefix.
    pub(super) fn name(&self) -> &str {
        without_prefix(self.0.name().into_inner())
    }

    /// The attributes by their full names; `visit` gets each name and value.
    pub(super) fn each_attribute(
        &self,
        mut visit: impl FnMut(&str, Cow<'_, str>) -> Result<(), WorkbookError>,
    ) -> Result<(), WorkbookError> {
        for attribute in self.0.attributes().with_checks(false) {
            let attribute = attribute.map_err(WorkbookError::damaged)?;
            let value = value(&attribute)?;
            visit(attribute.key.into_inner(), value)?;
        }
        Ok(())
    }

    /// The attribute with this name, whatever its prefix.
    pub(super) fn attribute(&self, name: &str) -> Result<Option<Cow<'_, str>>, WorkbookError> {
        for attribute in self.0.attributes().with_checks(false) {
            let attribute = attribute.map_err(WorkbookError::damaged)?;
            if without_prefix(attribute.key.into_inner()) == name {
                return value(&attribute).map(Some);
            }
        }
        Ok(None)
    }

    /// The attribute as a text of its own, which is empty if there is none.
    pub(super) fn owned(&self, name: &str) -> Result<String, WorkbookError> {
        Ok(self.attribute(name)?.map(Cow::into_owned).unwrap_or_default())
    }

    pub(super) fn is_true(&self, name: &str) -> Result<bool, WorkbookError> {
        Ok(matches!(self.attribute(name)?.as_deref(), Some("1" | "true")))
    }
}

impl ElementEnd<'_> {
    pub(super) fn name(&self) -> &str {
        without_prefix(self.0.name().into_inner())
    }
}

/// Names are so short that a plain loop is the fastest way through them.
fn without_prefix(name: &str) -> &str {
    name.bytes().position(|byte| byte == b':').map_or(name, |colon| &name[colon + 1..])
}

fn value<'a>(attribute: &Attribute<'a>) -> Result<Cow<'a, str>, WorkbookError> {
    match attribute.value {
        // Most have nothing to replace.
        Cow::Borrowed(text) if !text.bytes().any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r')) => {
            Ok(Cow::Borrowed(text))
        }
        _ => attribute.normalized_value(XmlVersion::Implicit1_0).map_err(WorkbookError::damaged),
    }
}
