//! Carrying out what clients of the control socket ask.
//!
//! Every kind of request is carried out, or refused with a sentence that says what is missing.

use log::info;
use weir_base::Instant;
use weir_control::channel::{Happening, ToWorker};
use weir_control::clients::ClientLimits;
use weir_control::requests::{self, query};
use weir_log::Logs;
use weir_proto::request::RequestType;
use weir_proto::response_content::ContentType;
use weir_proto::{
    Event, EventKind, MaxConnectionsPerIpLimit, MaxConnectionsPerSubnetLimit, RequestCounts,
    Response, ResponseContent, RunState, WorkerInfo, WorkerInfos, WorkerResponses,
};
use weir_telemetry::Fanout;

use crate::control::Asker;
use crate::slot::Slot;
use crate::supervise::{Stage, Supervisor};
use crate::transact::Who;

impl Supervisor {
    /// Carries out what can be now, and tells clients what there is to tell.
    pub(crate) fn serve_clients(&mut self, now: Instant) {
        loop {
            let replacing = self.upgrade.is_some() || self.expects_successor();
            let changing = self.transaction.is_some() || replacing;
            let busy = changing || !matches!(self.stage, Stage::Serving);
            let Some(control) = &mut self.control else { return };
            let may_run = |request: &RequestType| !busy || is_question(request);
            let Some((asker, request)) = control.next_request(may_run) else { break };
            *self.counts.entry(request.name().to_owned()).or_default() += 1;
            self.carry_out(asker, request, now);
        }
        if let Some(control) = &mut self.control {
            control.flush(&self.epoll);
        }
        self.close_taps();
    }

    /// Tells whoever asked.
    pub(crate) fn answer(&mut self, asker: &Asker, response: &Response) {
        if let Some(control) = &mut self.control {
            control.audit.epoch = self.epoch;
            control.answer(asker, response);
        }
    }

    /// Bytes of the longest answer.
    pub(crate) fn longest_frame(&self) -> usize {
        self.plan.control.as_ref().map_or(usize::MAX, |plan| plan.max_frame_bytes)
    }

    /// What workers have said to the request that is answered next, for the audit.
    pub(crate) fn note_part(&mut self, part: Option<Fanout>) {
        if let Some(control) = &mut self.control {
            control.audit.fanout = part;
        }
    }

    fn carry_out(&mut self, asker: Asker, request: RequestType, now: Instant) {
        use RequestType as R;
        let state = &self.plan.state;
        let content = match request {
            R::ListWorkers(_) | R::Status(_) => ContentType::Workers(self.worker_infos()),
            R::ListFrontends(filters) => match query::frontends(state, &filters) {
                Ok(found) => ContentType::FrontendList(found),
                Err(refusal) => return self.answer(&asker, &Response::failure(refusal.0)),
            },
            R::QueryAddressLists(query) => match requests::address_lists(state, &query) {
                Ok(lists) => ContentType::AddressLists(lists),
                Err(refusal) => {
                    return self.answer(&asker, &Response::failure(refusal.to_string()));
                }
            },
            R::ListListeners(_) => ContentType::ListenersList(query::listeners(state)),
            R::QueryClusterById(id) => {
                self.as_every_worker(ContentType::Clusters(query::cluster_by_id(state, &id)))
            }
            R::QueryClustersByDomain(domain) => {
                let clusters = query::clusters_by_domain(state, &domain);
                self.as_every_worker(ContentType::Clusters(clusters))
            }
            R::QueryClustersHashes(_) => {
                self.as_every_worker(ContentType::ClusterHashes(query::cluster_hashes(state)))
            }
            R::CountRequests(_) => {
                let map = self.counts.clone().into_iter().collect();
                ContentType::RequestCounts(RequestCounts { map })
            }
            R::QueryHealthChecks(query) => {
                ContentType::HealthChecksList(requests::health_checks(state, &query))
            }
            R::QueryMaxConnectionsPerIp(_) => {
                let limit = self.plan.clients.per_ip;
                ContentType::MaxConnectionsPerIpLimit(MaxConnectionsPerIpLimit { limit })
            }
            R::QueryMaxConnectionsPerSubnet(_) => {
                let ClientLimits { per_subnet, v4_prefix, v6_prefix, .. } = self.plan.clients;
                ContentType::MaxConnectionsPerSubnetLimit(MaxConnectionsPerSubnetLimit {
                    limit: per_subnet,
                    ipv4_prefix: v4_prefix.into(),
                    ipv6_prefix: v6_prefix.into(),
                })
            }
            R::QueryCertificatesFromTheState(filters) => {
                match query::certificates(state, &filters) {
                    Ok(found) => ContentType::CertificatesWithFingerprints(found),
                    Err(refusal) => return self.answer(&asker, &Response::failure(refusal.0)),
                }
            }
            other => return self.carry_out_more(asker, other, now),
        };
        self.answer(&asker, &Response::ok("here it is", content));
    }

    fn carry_out_more(&mut self, asker: Asker, request: RequestType, now: Instant) {
        use RequestType as R;
        match request {
            R::SubscribeEvents(_) => {
                if let Some(control) = &mut self.control {
                    control.subscribe(&asker);
                }
                self.tell_of(EventKind::EventsSubscribed);
            }
            R::SaveState(path) => self.save_state(&asker, &path),
            R::LoadState(path) => self.load_state(asker, &path, now),
            R::ReloadConfiguration(path) => self.reload(asker, &path, now),
            R::ApplyConfiguration(wanted) => self.apply_configuration(asker, wanted, now),
            R::Transact(transaction) => self.transact_requests(asker, transaction, now),
            R::Rollback(wanted) => self.roll_back(asker, &wanted, now),
            R::QueryHistory(query) => self.tell_history(&asker, &query),
            R::ShowEpoch(epoch) => self.show_epoch(&asker, epoch),
            R::Explain(request) => self.ask_to_explain(asker, &request, now),
            R::QueryDrift(_) => self.ask_for_hashes(asker, now),
            R::QueryCertificatesFromWorkers(filters) => {
                self.ask_for_certificates(asker, filters, now);
            }
            R::Tap(wanted) => self.open_tap(asker, &wanted),
            R::QuerySessions(wanted) => self.ask_for_sessions(asker, &wanted, now),
            R::CloseLiveSessions(wanted) => self.close_live_sessions(asker, &wanted, now),
            R::CloseSessions(wanted) => self.close_sessions(asker, &wanted, now),
            R::QueryMetrics(wanted) => self.ask_for_metrics(asker, wanted, now),
            R::ConfigureMetrics(wanted) => self.configure_metrics(&asker, wanted),
            R::SetMetricDetail(wanted) => self.set_metric_detail(&asker, &wanted, now),
            R::Logging(filter) => self.set_log_filter(&asker, &filter),
            R::ReopenLogs(_) => self.reopen_logs_for(asker, now),
            R::SoftStop(_) => self.stop_for(asker, false, now),
            R::HardStop(_) => self.stop_for(asker, true, now),
            R::UpgradeMain(_) => self.upgrade(asker, now),
            R::SetMaxConnectionsPerIp(per_ip) => {
                let clients = ClientLimits { per_ip, ..self.plan.clients };
                self.set_client_limits(&asker, clients);
            }
            R::SetMaxConnectionsPerSubnet(per_subnet) => {
                let clients = ClientLimits { per_subnet, ..self.plan.clients };
                self.set_client_limits(&asker, clients);
            }
            R::SetWorkerCount(count) => self.set_worker_count(asker, count, now),
            R::UpgradeWorker(id) => self.upgrade_worker(asker, id, now),
            other => match missing(&other) {
                Some(sentence) => self.answer(&asker, &Response::failure(sentence)),
                None => self.transact_one(asker, &other, now),
            },
        }
    }

    /// A request of the protocol that changes the state is a transaction of one.
    fn transact_one(&mut self, asker: Asker, request: &RequestType, now: Instant) {
        match requests::orders(&self.plan.state, request) {
            Ok(Some(orders)) => {
                self.answer(&asker, &Response::processing("telling the workers", None));
                let done = format!("{} is in use by every worker", request.name());
                let made = self.make(orders);
                self.transact(Who::plain(asker, done), made, now);
            }
            Ok(None) => {
                let sentence = format!("{} is not for clients", request.name());
                self.answer(&asker, &Response::failure(sentence));
            }
            Err(refusal) => self.answer(&asker, &Response::failure(refusal.to_string())),
        }
    }

    /// What is known of the workers.
    fn worker_infos(&self) -> WorkerInfos {
        let workers = self.slots.iter().enumerate().map(|(slot, place)| {
            let (pid, state) = match &place.worker {
                None => (0, RunState::Stopped),
                Some(worker) if worker.is_ready() => (worker.pid(), RunState::Running),
                Some(worker) if worker.is_draining() => (worker.pid(), RunState::Stopping),
                Some(worker) => (worker.pid(), RunState::NotAnswering),
            };
            WorkerInfo { id: slot as u32, pid, run_state: state.into() }
        });
        let leaving = self.leaving.iter().map(|leaving| WorkerInfo {
            id: leaving.slot.into(),
            pid: leaving.worker.pid(),
            run_state: RunState::Stopping.into(),
        });
        WorkerInfos { vec: workers.chain(leaving).collect() }
    }

    /// Main's answer, which is that of every worker: what was acknowledged is in use by all.
    fn as_every_worker(&self, content: ContentType) -> ContentType {
        let content = ResponseContent { content_type: Some(content) };
        let serving = self.slots_that(Slot::serves).map(|slot| slot.to_string());
        let names = serving.chain(["main".to_owned()]);
        let map = names.map(|name| (name, content.clone())).collect();
        ContentType::WorkerResponses(WorkerResponses { map })
    }

    fn set_log_filter(&mut self, asker: &Asker, text: &str) {
        let filter = match text.parse() {
            Ok(filter) => filter,
            Err(error) => {
                let sentence = format!("the filter `{text}` is not understood: {error}");
                return self.answer(asker, &Response::failure(sentence));
            }
        };
        self.logs.inspect(|logs: &&'static Logs| logs.set_filter(filter));
        self.plan.settings.logs.level = text.to_owned();
        self.send_to_all(&ToWorker::LogFilter(text.to_owned()));
        info!("log lines are filtered by `{text}` from now on");
        self.answer(asker, &Response::ok("main and workers use the filter", None));
        self.tell_of(EventKind::LoggingLevelChanged);
    }

    /// Clients may have so many connections, for as long as main lives: that is not stored.
    fn set_client_limits(&mut self, asker: &Asker, clients: ClientLimits) {
        self.limit_clients(clients);
        self.answer(asker, &Response::ok("the limit is in use", None));
    }

    /// Clients may have so many connections.
    pub(crate) fn limit_clients(&mut self, clients: ClientLimits) {
        self.plan.clients = clients;
        self.send_to_all(&ToWorker::Clients(clients));
    }

    pub(crate) fn tell_of(&mut self, kind: EventKind) {
        self.count_event(kind);
        if let Some(control) = &mut self.control {
            control.tell_of(kind);
        }
    }

    /// Something happened to the worker of a slot.
    pub(crate) fn tell_of_slot(&mut self, slot: u16, kind: EventKind) {
        self.count_event(kind);
        if let Some(control) = &mut self.control {
            control.tell(&slot.to_string(), Event { kind: kind.into(), ..Event::default() });
        }
    }

    /// A worker noticed a change of a backend.
    pub(crate) fn tell_of_worker(&mut self, slot: u16, happening: Happening) {
        let Some(control) = &mut self.control else { return };
        let event = match happening {
            Happening::BackendDown { id, address } => Event {
                kind: EventKind::BackendDown.into(),
                backend_id: Some(id),
                address: address.ip().map(Into::into),
                ..Event::default()
            },
            Happening::BackendUp { id, address } => Event {
                kind: EventKind::BackendUp.into(),
                backend_id: Some(id),
                address: address.ip().map(Into::into),
                ..Event::default()
            },
            Happening::NoAvailableBackends(cluster) => Event {
                kind: EventKind::NoAvailableBackends.into(),
                cluster_id: Some(cluster),
                ..Event::default()
            },
            Happening::ClusterRecovered(cluster) => Event {
                kind: EventKind::ClusterRecovered.into(),
                cluster_id: Some(cluster),
                ..Event::default()
            },
            // Main has a part in these.
            Happening::Checked { .. } => return,
        };
        control.tell(&slot.to_string(), event);
    }
}

/// Whether a request leaves the state as it is, and may be carried out while it changes.
fn is_question(request: &RequestType) -> bool {
    use RequestType as R;
    matches!(
        request,
        R::ListWorkers(_)
            | R::Status(_)
            | R::CountRequests(_)
            | R::SubscribeEvents(_)
            | R::Logging(_)
            | R::ReopenLogs(_)
            | R::QueryMaxConnectionsPerIp(_)
            | R::QueryMaxConnectionsPerSubnet(_)
            | R::QueryMetrics(_)
            | R::ConfigureMetrics(_)
            | R::SetMetricDetail(_)
            | R::QueryHealthChecks(_)
            | R::QuerySessions(_)
            | R::Tap(_)
            | R::CloseLiveSessions(_)
            | R::CloseSessions(_)
            | R::SoftStop(_)
            | R::HardStop(_)
    )
}

/// What this version lacks for a request that does not change the state.
fn missing(request: &RequestType) -> Option<&'static str> {
    use RequestType as R;
    Some(match request {
        R::SetMaxConnectionAttempts(_) => "a request is tried three times; that cannot be changed",
        R::QueryProtectedHealthCheckSupport(_) | R::ProtectedHealthCheckOrder(_) => {
            "active health checks are not carried out by this version"
        }
        R::LaunchWorker(_) => {
            "workers are not started one by one: `weir workers set` says how many there are"
        }
        R::ReturnListenSockets(_) => "listening sockets are not given to clients",
        _ => return None,
    })
}

impl Who {
    /// A client of the plain protocol.
    pub(crate) fn plain(asker: Asker, done: String) -> Self {
        Self { asker, client: None, done, detailed: false, dry_run: false }
    }
}
