//! The next batch is read, as large as the throttling allows.

use std::time::Instant;

use super::Purging;
use crate::error::Result;
use crate::ops::purge::candidates::Candidates;
use crate::ops::purge::order::Work;
use crate::ops::purge::reading::ReadContext;
use crate::ops::purge::source::Source;
use crate::server::backoff::Retries;
use crate::server::connection::Topology;

impl Purging {
    /// The number of batches that may be in flight now.
    pub(super) fn allowed(&mut self) -> usize {
        self.gate.load(self.jobs, self.batch_size()).jobs
    }

    /// The next candidates; `None` at the end, or if cancelled. Reading changes nothing, so an
    /// interrupted process need not wait for its answer.
    pub(super) async fn read(&mut self) -> Result<Option<Candidates>> {
        let mut retries = Retries::default();
        let cancel = self.cancel.clone();
        loop {
            match cancel.run_until_cancelled(self.try_read()).await {
                None => return Ok(None),
                Some(Ok(candidates)) => return Ok(candidates),
                Some(Err(error)) => {
                    if error.is_overload() {
                        self.gate.overload.met(Instant::now());
                    }
                    retries.pause(&cancel, error).await?;
                    // After a lost cursor, the scan begins again. It first waits for the sessions
                    // in flight, which it would find otherwise.
                    if !self.flights.is_empty() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn try_read(&mut self) -> Result<Option<Candidates>> {
        if self.source.is_none() {
            let connection = self.store.connection();
            let kind = connection.topology().await?;
            self.sharded = kind == Topology::Sharded;
            if self.plans == 0 {
                self.identity = self.store.identity().await?;
            }
            self.writer.collated = self.store.is_collated().await?;
            let plan = self.store.plan(&self.purge).await?;
            self.jobs = self.purge.jobs.map_or_else(|| self.usual_jobs(kind), |jobs| jobs as usize);
            self.walks = plan.walks;
            self.strategy = plan.strategy;
            self.source = Some(Source::new(plan.parts, plan.stored, self.purge.trial));
            self.plans += 1;
        }
        loop {
            let Some(mut candidates) = self.try_read_some().await? else { return Ok(None) };
            candidates.leave_out(&self.left);
            if candidates.count > 0 {
                return Ok(Some(candidates));
            }
        }
    }

    async fn try_read_some(&mut self) -> Result<Option<Candidates>> {
        let (size, in_flight) = (self.batch_size(), !self.flights.is_empty());
        let most = self.gate.load(self.jobs, size).size;
        let work = Work { done: self.done, busy: self.gate.busy() };
        let most = match (&self.source, self.purge.batch_size) {
            (Some(source), None) => source.most(most, work),
            _ => most,
        };
        let (store, purge, gentle) = (&self.store, &self.purge, self.gate.is_gentle());
        let by = ReadContext { store, purge, size, most, in_flight, gentle, work };
        let read = match (self.read_ahead.pop_front(), &mut self.source) {
            (None, Some(source)) => {
                let _reading = self.gate.reading();
                source.next(by).await?
            }
            (read_ahead, _) => read_ahead,
        };
        Ok(read.map(|mut candidates| {
            self.read_ahead.extend(candidates.split_off(most as usize));
            candidates
        }))
    }

    /// Two batches keep a standalone busy; waiting for a majority requires more (measured on mongod
    /// 6.0.5).
    fn usual_jobs(&self, kind: Topology) -> usize {
        match kind {
            _ if self.gate.control().pace().sleep_factor > 0.0 => 1,
            Topology::Standalone => 2,
            Topology::ReplicaSet | Topology::Sharded => 8,
        }
    }

    fn batch_size(&self) -> u32 {
        let size = self.purge.batch_size.unwrap_or_else(|| self.strategy.batch_size());
        self.gate.control().batch_size(size)
    }
}
