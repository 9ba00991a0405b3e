//! Which parts of events are given up while more come than the control plane takes. `docs/events.md` has the order.

use starfort_engine::event::EventRow;

use crate::metrics::Metrics;
use crate::random::Random;

/// From this share of the buffers on, details are left out. A control plane that is away for a while fills half of them, and
/// the other half lasts longer without details.
const LEAVE_OUT_DETAILS: f64 = 0.5;

/// From this share of the buffers on, only one of [`ONE_IN`] ordinary calls is kept.
const SAMPLE: f64 = 0.75;

/// One ordinary call in this many is kept.
const ONE_IN: u32 = 8;

/// How much is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Nothing.
    Whole,
    /// Details.
    Details,
    /// Details, and most ordinary calls; the ones that are kept carry the weight of the others.
    Sampled,
}

impl Level {
    /// The level for buffers that are this full (0 to 1).
    pub(crate) fn at(fill: f64) -> Self {
        if fill >= SAMPLE {
            Self::Sampled
        } else if fill >= LEAVE_OUT_DETAILS {
            Self::Details
        } else {
            Self::Whole
        }
    }
}

/// Keeps one of [`ONE_IN`] ordinary calls that follow one another. Chance decides which: a fixed place would follow the
/// rhythm of a client. Weights add up exactly.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    random: Random,
    held: Option<Box<EventRow>>,
    seen: u32,
    weight: u32,
}

impl Sampler {
    /// What is left of a row at a level. `None` when another row stands for it.
    pub(crate) fn keep(
        &mut self,
        mut row: Box<EventRow>,
        level: Level,
        metrics: &Metrics,
    ) -> Option<Box<EventRow>> {
        // Details go first, because no detector counts them.
        if level >= Level::Details && row.drop_details() {
            metrics.events_without_details.increment();
        }
        if level == Level::Sampled && row.is_ordinary() {
            return self.choose(row, metrics);
        }
        Some(row)
    }

    /// Each of the calls seen so far is held with the same chance.
    fn choose(&mut self, row: Box<EventRow>, metrics: &Metrics) -> Option<Box<EventRow>> {
        self.seen += 1;
        self.weight = self.weight.saturating_add(row.weight);
        if self.held.is_some() {
            metrics.events_sampled_out.increment();
        }
        // Reservoir sampling (Vitter 1985, algorithm R): the n-th call replaces the held one with chance 1/n.
        if self.random.draw().is_multiple_of(self.seen) {
            self.held = Some(row);
        }
        if self.seen < ONE_IN {
            None
        } else {
            self.take()
        }
    }

    /// The row that is held, with the weight of those that it stands for.
    pub(crate) fn take(&mut self) -> Option<Box<EventRow>> {
        let weight = std::mem::take(&mut self.weight);
        self.seen = 0;
        let mut row = self.held.take()?;
        row.weight = weight;
        Some(row)
    }

    /// How many calls the held row stands for.
    pub(crate) fn held(&self) -> u64 {
        self.weight.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::row::tests::row;

    fn full(change: impl FnOnce(&mut EventRow)) -> Box<EventRow> {
        let mut row = row("x");
        row.status = 200;
        row.user_agent = "agent".into();
        row.parameters = vec!["query:page:integer".into()];
        row.path = "/orders/7".into();
        change(&mut row);
        Box::new(row)
    }

    #[test]
    fn details_go_first_then_ordinary_calls_and_never_what_detectors_count() {
        let (metrics, mut sampler) = (Metrics::default(), Sampler::default());
        assert!(Level::at(0.49) == Level::Whole && Level::at(0.5) == Level::Details);
        assert!(Level::at(0.75) == Level::Sampled && Level::at(1.0) == Level::Sampled);
        let whole = sampler.keep(full(|_| {}), Level::Whole, &metrics);
        assert_eq!(whole, Some(full(|_| {})));
        let bare = sampler
            .keep(full(|_| {}), Level::Details, &metrics)
            .unwrap();
        assert!(bare.user_agent.is_empty() && bare.parameters.is_empty());
        assert_eq!((bare.path.as_str(), bare.weight), ("/orders/7", 1));
        let needed: [fn(&mut EventRow); 7] = [
            |row| row.account_hash = "a".into(),
            |row| row.status = 401,
            |row| row.status = 0,
            |row| row.action = "block",
            |row| row.signals = vec!["scraping".into()],
            |row| row.findings = vec!["rule:942100".into()],
            |row| row.identity_error = "expired",
        ];
        for change in needed {
            for _ in 0..50 {
                let kept = sampler.keep(full(change), Level::Sampled, &metrics);
                assert_eq!(kept.map(|row| row.weight), Some(1));
            }
        }
        assert_eq!(metrics.events_sampled_out.get(), 0);
    }

    #[test]
    fn weights_of_sampled_calls_add_up_to_the_calls() {
        let (metrics, mut sampler) = (Metrics::default(), Sampler::default());
        let mut kept = Vec::new();
        for index in 0..80_003_u32 {
            let call = full(|row| row.object_hash = (index % ONE_IN).to_string().into());
            kept.extend(sampler.keep(call, Level::Sampled, &metrics));
        }
        assert_eq!(sampler.held(), 3);
        kept.extend(sampler.take());
        assert!(sampler.take().is_none() && sampler.held() == 0);
        assert_eq!(kept.iter().map(|row| row.weight).sum::<u32>(), 80_003);
        assert_eq!(metrics.events_sampled_out.get(), 80_003 - 10_001);
        // Each place of a block is chosen as often: 1,250 times, with a standard deviation of 33.
        for place in 0..ONE_IN {
            let place = place.to_string();
            let chosen = kept.iter().filter(|row| row.object_hash == place).count();
            assert!(chosen.abs_diff(1250) < 5 * 33, "{place}: {chosen}");
        }
    }
}
