//! Widgets of a template's dashboard. The grid is 24 columns wide.

use serde_json::{Value, json};

/// A place on the grid: x, y, width, height.
pub type Place = (u32, u32, u32, u32);

/// The last values of items, and nothing else of them: six in a row.
pub fn values(template: &str, y: u32, keys: [String; 6]) -> impl Iterator<Item = Value> {
    (0..).zip(keys).map(move |(at, key)| {
        let item = field("ITEM", "itemid", json!({ "host": template, "key": key }));
        let sizes = [("show", "2"), ("value_size", "20"), ("decimal_size", "15"), ("units_size", "15")];
        let fields = sizes.into_iter().map(|(name, value)| field("INTEGER", name, value.into()));
        widget("ITEM", (at * 4, y, 4, 2), std::iter::once(item).chain(fields).collect())
    })
}

/// An item's values over time.
pub fn graph(template: &str, key: &str, place: Place) -> Value {
    let item = field("ITEM", "itemid", json!({ "host": template, "key": key }));
    widget("GRAPH_CLASSIC", place, vec![field("INTEGER", "source_type", "1".into()), item])
}

fn widget(kind: &str, (x, y, width, height): Place, fields: Vec<Value>) -> Value {
    json!({
        "type": kind, "x": x.to_string(), "y": y.to_string(), "width": width.to_string(), "height": height.to_string(),
        "fields": fields,
    })
}

fn field(kind: &str, name: &str, value: Value) -> Value {
    json!({ "type": kind, "name": name, "value": value })
}
