//! In which order the tables' own rows are found: what a table depends on comes first, and tables
//! that depend on one another are found together.

/// Strongly connected groups in the order of their dependencies (Tarjan).
pub fn groups(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        needs,
        found: vec![None; needs.len()],
        low: vec![0; needs.len()],
        open: vec![false; needs.len()],
        path: Vec::new(),
        count: 0,
        groups: Vec::new(),
    };
    for node in 0..needs.len() {
        if search.found[node].is_none() {
            search.visit(node);
        }
    }
    search.groups
}

struct Search<'n> {
    needs: &'n [Vec<usize>],
    found: Vec<Option<usize>>,
    low: Vec<usize>,
    open: Vec<bool>,
    path: Vec<usize>,
    count: usize,
    groups: Vec<Vec<usize>>,
}

impl Search<'_> {
    /// As deep as the longest chain of tables, so the stack suffices.
    fn visit(&mut self, node: usize) {
        let order = self.count;
        self.count += 1;
        self.found[node] = Some(order);
        self.low[node] = order;
        self.open[node] = true;
        self.path.push(node);
        let needs = self.needs;
        for &next in &needs[node] {
            match self.found[next] {
                None => {
                    self.visit(next);
                    self.low[node] = self.low[node].min(self.low[next]);
                }
                Some(other) if self.open[next] => self.low[node] = self.low[node].min(other),
                Some(_) => {}
            }
        }
        if self.low[node] == order {
            let from = self.path.iter().rposition(|other| *other == node);
            let group = self.path.split_off(from.unwrap_or(0));
            for member in &group {
                self.open[*member] = false;
            }
            self.groups.push(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_a_circle_together() {
        let needs = [vec![1], vec![2, 3], vec![1], vec![], vec![4]];
        let mut groups = groups(&needs);
        groups[1].sort_unstable();
        assert_eq!(groups, [vec![3], vec![1, 2], vec![0], vec![4]]);
    }
}
