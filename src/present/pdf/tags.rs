//! The structure tree: what each piece of content is, for who reads by ear and for machines.

use lopdf::{Dictionary, Document, Object, ObjectId, StringFormat, dictionary};

use super::draw::MarkedContent;
use super::page::{Node, Pages};

/// Content of a node: a page and a marked content id on it.
type Content = (ObjectId, i64);

/// Adds the tree to a drawn document. Gives the root for the catalogue.
pub fn add(document: &mut Document, pages: &Pages, marked: &[MarkedContent]) -> ObjectId {
    let page_ids: Vec<ObjectId> = document.get_pages().into_values().collect();
    let root = document.new_object_id();
    let ids: Vec<ObjectId> = pages.nodes.iter().map(|_| document.new_object_id()).collect();
    let mut content: Vec<Vec<Content>> = vec![Vec::new(); pages.nodes.len()];
    let mut numbers = Vec::new();
    for (index, (nodes, page)) in (0_i64..).zip(marked.iter().zip(&page_ids)) {
        for (mcid, node) in (0_i64..).zip(nodes) {
            content[*node].push((*page, mcid));
        }
        let parents = nodes.iter().map(|node| Object::Reference(ids[*node])).collect();
        let parents = document.add_object(Object::Array(parents));
        numbers.extend([Object::Integer(index), Object::Reference(parents)]);
        if let Ok(page) = document.get_object_mut(*page).and_then(Object::as_dict_mut) {
            page.set("StructParents", index);
            page.set("Tabs", "S");
        }
    }
    let mut children: Vec<Vec<ObjectId>> = vec![Vec::new(); pages.nodes.len()];
    for (node, id) in pages.nodes.iter().zip(&ids).skip(1) {
        children[node.parent].push(*id);
    }
    for (index, node) in pages.nodes.iter().enumerate() {
        let parent = if index == 0 { root } else { ids[node.parent] };
        let element = element(node, parent, &content[index], &children[index]);
        document.set_object(ids[index], element);
    }
    let parents = document.add_object(dictionary! { "Nums" => numbers });
    document.set_object(
        root,
        dictionary! {
            "Type" => "StructTreeRoot",
            "K" => Object::Array(vec![Object::Reference(ids[0])]),
            "ParentTree" => Object::Reference(parents),
            "ParentTreeNextKey" => i64::try_from(marked.len()).unwrap_or(i64::MAX),
        },
    );
    root
}

fn element(node: &Node, parent: ObjectId, content: &[Content], below: &[ObjectId]) -> Dictionary {
    let mut element = dictionary! {
        "Type" => "StructElem",
        "S" => node.kind,
        "P" => Object::Reference(parent),
    };
    let mut kids: Vec<Object> = below.iter().map(|id| Object::Reference(*id)).collect();
    if let Some((first, _)) = content.first() {
        element.set("Pg", Object::Reference(*first));
        kids.extend(content.iter().map(|(page, mcid)| {
            if page == first {
                return Object::Integer(*mcid);
            }
            Object::Dictionary(dictionary! {
                "Type" => "MCR",
                "Pg" => Object::Reference(*page),
                "MCID" => *mcid,
            })
        }));
    }
    match kids.len() {
        0 => {}
        1 => element.set("K", kids.remove(0)),
        _ => element.set("K", kids),
    }
    if node.scope.is_some() || node.col_span > 1 {
        let mut attributes = dictionary! { "O" => "Table" };
        if let Some(scope) = node.scope {
            attributes.set("Scope", scope);
        }
        if node.col_span > 1 {
            attributes.set("ColSpan", i64::try_from(node.col_span).unwrap_or(1));
        }
        element.set("A", attributes);
    }
    if let Some(alt) = &node.alt {
        element.set("Alt", text(alt));
    }
    element
}

/// A text string: UTF-16 with its mark where ASCII does not do.
pub fn text(value: &str) -> Object {
    if value.is_ascii() {
        return Object::String(value.as_bytes().to_vec(), StringFormat::Literal);
    }
    let mut bytes = vec![0xfe, 0xff];
    bytes.extend(value.encode_utf16().flat_map(u16::to_be_bytes));
    Object::String(bytes, StringFormat::Hexadecimal)
}
