//! Both environments and what they share, as a picture.

use std::collections::BTreeSet;
use std::fmt::Write;

use mkx_contract::{EnvironmentName, Record, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Model;

/// Nodes and edges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Graph {
    /// Services, networks, volumes, folders and host ports.
    pub nodes: Vec<Node>,
    /// What uses what.
    pub edges: Vec<Edge>,
}

impl Record for Graph {
    const RECORD: &'static str = "mkx.compose.graph/1";
}

/// A thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Its name, unique in the graph.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// Whose it is; null where both use it.
    pub environment: Option<EnvironmentName>,
    /// What a person calls it.
    pub label: String,
}

/// What a node is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A service.
    Service,
    /// A network.
    Network,
    /// A named volume.
    Volume,
    /// A folder of the host.
    Folder,
    /// A port of the host.
    Port,
}

/// One thing uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// The id of the node that uses.
    pub from: String,
    /// The id of the node that is used.
    pub to: String,
}

/// Draws both environments.
pub fn draw(site: &Site, ea: &Model, eb: &Model) -> Graph {
    let mut parts: Vec<(EnvironmentName, Node, Edge)> = Vec::new();
    let mut nodes = BTreeSet::new();
    let mut edges = BTreeSet::new();
    for (environment, model) in [(EnvironmentName::Ea, ea), (EnvironmentName::Eb, eb)] {
        for (name, service) in &model.services {
            let id = format!("{}/{name}", model.name);
            nodes.insert(Node {
                id: id.clone(),
                kind: NodeKind::Service,
                environment: Some(environment),
                label: model.container_name(name),
            });
            for other in service.depends_on.keys() {
                edges.insert(Edge {
                    from: id.clone(),
                    to: format!("{}/{other}", model.name),
                });
            }
            for (kind, label) in used(model, name) {
                let prefix = match kind {
                    NodeKind::Network => "network",
                    NodeKind::Volume => "volume",
                    NodeKind::Folder => "folder",
                    NodeKind::Port | NodeKind::Service => "port",
                };
                let node = Node {
                    id: format!("{prefix}:{label}"),
                    kind,
                    environment: Some(environment),
                    label,
                };
                let edge = Edge {
                    from: id.clone(),
                    to: node.id.clone(),
                };
                parts.push((environment, node, edge));
            }
        }
    }
    for (environment, node, edge) in &parts {
        let in_both = parts
            .iter()
            .any(|(other, same, _)| other != environment && same.id == node.id)
            || node.label == site.shared.network
            || site.shared.volumes.contains(&node.label);
        let mut node = node.clone();
        if in_both {
            node.environment = None;
        }
        nodes.insert(node);
        edges.insert(edge.clone());
    }
    Graph {
        nodes: nodes.into_iter().collect(),
        edges: edges.into_iter().collect(),
    }
}

fn used(model: &Model, name: &str) -> Vec<(NodeKind, String)> {
    let service = &model.services[name];
    let networks = service
        .networks
        .keys()
        .map(|key| (NodeKind::Network, model.network_name(key)));
    let mounts = service.volumes.iter().filter_map(|mount| {
        let source = mount.source.as_deref()?;
        match mount.kind.as_str() {
            "volume" => Some((NodeKind::Volume, model.volume_name(source))),
            "bind" => Some((NodeKind::Folder, source.to_owned())),
            _ => None,
        }
    });
    let ports = service.ports.iter().filter_map(|port| {
        let published = port.published.as_deref()?;
        let address = port.host_ip.as_deref().unwrap_or("0.0.0.0");
        Some((NodeKind::Port, format!("{address}:{published}")))
    });
    networks.chain(mounts).chain(ports).collect()
}

/// As Mermaid.
pub fn mermaid(graph: &Graph) -> String {
    let mut text = String::from("flowchart LR\n");
    for (title, environment) in groups() {
        let _ = writeln!(text, "  subgraph {title}");
        for (index, node) in members(graph, environment) {
            let label = node.label.replace('"', "#quot;");
            let _ = match node.kind {
                NodeKind::Service => writeln!(text, "    n{index}[\"{label}\"]"),
                NodeKind::Network => writeln!(text, "    n{index}{{{{\"{label}\"}}}}"),
                NodeKind::Volume | NodeKind::Folder => {
                    writeln!(text, "    n{index}[(\"{label}\")]")
                }
                NodeKind::Port => writeln!(text, "    n{index}([\"{label}\"])"),
            };
        }
        text.push_str("  end\n");
    }
    for (from, to) in indexes(graph) {
        let _ = writeln!(text, "  n{from} --> n{to}");
    }
    text
}

/// As DOT of Graphviz.
pub fn dot(graph: &Graph) -> String {
    let mut text = String::from("digraph site {\n  rankdir=LR;\n");
    for (title, environment) in groups() {
        let _ = writeln!(
            text,
            "  subgraph cluster_{title} {{\n    label=\"{title}\";"
        );
        for (index, node) in members(graph, environment) {
            let shape = match node.kind {
                NodeKind::Service => "box",
                NodeKind::Network => "hexagon",
                NodeKind::Volume => "cylinder",
                NodeKind::Folder => "folder",
                NodeKind::Port => "oval",
            };
            let label = node.label.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(text, "    n{index} [label=\"{label}\", shape={shape}];");
        }
        text.push_str("  }\n");
    }
    for (from, to) in indexes(graph) {
        let _ = writeln!(text, "  n{from} -> n{to};");
    }
    text.push_str("}\n");
    text
}

fn groups() -> [(&'static str, Option<EnvironmentName>); 3] {
    [
        ("ea", Some(EnvironmentName::Ea)),
        ("shared", None),
        ("eb", Some(EnvironmentName::Eb)),
    ]
}

fn members(
    graph: &Graph,
    environment: Option<EnvironmentName>,
) -> impl Iterator<Item = (usize, &Node)> {
    graph
        .nodes
        .iter()
        .enumerate()
        .filter(move |(_, node)| node.environment == environment)
}

fn indexes(graph: &Graph) -> impl Iterator<Item = (usize, usize)> {
    let index = |id: &str| graph.nodes.iter().position(|node| node.id == id);
    graph
        .edges
        .iter()
        .filter_map(move |edge| Some((index(&edge.from)?, index(&edge.to)?)))
}
