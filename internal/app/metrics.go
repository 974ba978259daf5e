package app

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/beckon-relay/beckon/internal/channel/outbox"
	"github.com/beckon-relay/beckon/internal/channel/sendgrid"
	"github.com/beckon-relay/beckon/internal/channel/twilio"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
)

// sourceWebhook is the source of CometChat's webhooks, beside those of callbacks.
const sourceWebhook = "cometchat"

// Results of an event.
const (
	resultMatched   = "matched"
	resultUnmatched = "unmatched"
)

// metrics are everything /metrics shows. Labels are bounded: triggers of the catalogue, rules of the file, constants; never a
// person or an address.
type metrics struct {
	registry *prometheus.Registry

	webhooks        *prometheus.CounterVec
	webhookDuration prometheus.Histogram
	events          *prometheus.CounterVec
	ruleMatches     *prometheus.CounterVec
	ruleErrors      *prometheus.CounterVec
	alerts          *prometheus.CounterVec
	deliveries      *prometheus.CounterVec
	suppressed      *prometheus.CounterVec
	attempts        *prometheus.CounterVec
	receipts        *prometheus.CounterVec
	attemptDuration *prometheus.HistogramVec
	latency         *prometheus.HistogramVec
	zonesUnknown    prometheus.Counter
	searches        *prometheus.CounterVec
	lookups         *prometheus.CounterVec
	lookupDuration  *prometheus.HistogramVec
	reloadOK        prometheus.Gauge
	reloadTime      prometheus.Gauge
	configInfo      *prometheus.GaugeVec

	known relay.Catalogue
}

func newMetrics(version, revision string) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		known:    cometchat.Catalogue(),
		webhooks: counter("beckon_webhook_requests_total", "Webhook requests by what came of them; refused ones have no trigger.", "source", "trigger", "outcome"),
		webhookDuration: prometheus.NewHistogram(histogram(
			"beckon_webhook_request_duration_seconds", "Time from a webhook request to its answer.", 0.0005, 13)),
		events:      counter("beckon_events_total", "Events accepted, by trigger and whether a rule wanted them.", "trigger", "result"),
		ruleMatches: counter("beckon_rule_matches_total", "Events that a rule matched.", "rule"),
		ruleErrors:  counter("beckon_rule_errors_total", "Rules that failed on an event, by stage.", "rule", "stage"),
		alerts:      counter("beckon_alerts_total", "Alerts decided, by action and reason.", "action", "reason"),
		deliveries:  counter("beckon_deliveries_total", "Deliveries that reached an end.", "channel", "outcome"),
		suppressed:  counter("beckon_deliveries_suppressed_total", "Deliveries that were suppressed, by Reason.", "channel", "reason"),
		attempts:    counter("beckon_delivery_attempts_total", "Calls to providers.", "channel", "provider", "outcome"),
		receipts:    counter("beckon_delivery_receipts_total", "Reports of providers, repeats included.", "channel", "status"),
		attemptDuration: prometheus.NewHistogramVec(histogram(
			"beckon_delivery_attempt_duration_seconds", "Time a call to a provider took.", 0.005, 12), []string{"channel", "provider"}),
		latency: prometheus.NewHistogramVec(histogram(
			"beckon_delivery_latency_seconds", "Time from the decision to send to the provider's acceptance.", 0.01, 16), []string{"channel"}),
		zonesUnknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "beckon_unknown_time_zones_total", Help: "Look-ups of people whose time zone does not exist.",
		}),
		searches: counter("beckon_lost_answers_total", "Searches for messages whose answer was lost, by what came of them.", "channel", "result"),
		lookups:  counter("beckon_directory_lookups_total", "Look-ups of people, by source and what came of them.", "source", "result"),
		lookupDuration: prometheus.NewHistogramVec(histogram(
			"beckon_directory_lookup_duration_seconds", "Time a source took that was asked for somebody.", 0.001, 13), []string{"source"}),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "beckon_config_last_reload_successful", Help: "Whether the last reload succeeded (1) or left the old rules in force (0).",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "beckon_config_last_reload_success_timestamp_seconds", Help: "When rules and templates were last loaded, unix time.",
		}),
		configInfo: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "beckon_config_info", Help: "The hash of the rules and templates in force.",
		}, []string{"hash"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "beckon_build_info", Help: "Version and commit of this binary, and its version of Go.",
	}, []string{"version", "revision", "goversion"})
	build.WithLabelValues(version, revision, runtime.Version()).Set(1)
	m.registry.MustRegister(
		m.webhooks, m.webhookDuration, m.events, m.ruleMatches, m.ruleErrors, m.alerts, m.deliveries, m.suppressed, m.attempts,
		m.receipts, m.attemptDuration, m.latency, m.zonesUnknown, m.searches, m.lookups, m.lookupDuration, m.reloadOK, m.reloadTime, m.configInfo, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.zero()
	return m
}

// zero makes the series that alerts are written on exist before the first failure, which increase() would otherwise miss.
func (m *metrics) zero() {
	m.zeroEvents()
	for _, outcome := range server.Outcomes() {
		for _, source := range callbackSources() {
			m.webhooks.WithLabelValues(source, "", outcome)
		}
	}
	for _, kind := range config.DirectoryKinds() {
		m.lookupDuration.WithLabelValues(string(kind))
		for _, result := range directory.Results() {
			m.lookups.WithLabelValues(string(kind), string(result))
		}
	}
	for _, ch := range relay.Channels() {
		for _, state := range endStates() {
			m.deliveries.WithLabelValues(string(ch), string(state))
		}
		for _, reason := range suppressing() {
			m.suppressed.WithLabelValues(string(ch), string(reason))
		}
		m.latency.WithLabelValues(string(ch))
		m.zeroAttempts(ch)
		for _, result := range dispatch.Searches() {
			m.searches.WithLabelValues(string(ch), string(result))
		}
	}
}

// otherTrigger is the label of triggers that are not in the catalogue: anybody could make up more.
const otherTrigger = "other"

func (m *metrics) zeroEvents() {
	triggers := []string{otherTrigger}
	for trigger := range m.known {
		triggers = append(triggers, string(trigger))
	}
	for _, trigger := range triggers {
		m.webhooks.WithLabelValues(sourceWebhook, trigger, server.OutcomeAccepted)
		m.webhooks.WithLabelValues(sourceWebhook, trigger, server.OutcomeDuplicate)
		m.events.WithLabelValues(trigger, resultMatched)
		m.events.WithLabelValues(trigger, resultUnmatched)
	}
	for _, outcome := range server.Outcomes() {
		if outcome != server.OutcomeAccepted && outcome != server.OutcomeDuplicate {
			m.webhooks.WithLabelValues(sourceWebhook, "", outcome)
		}
	}
	for action, state := range map[relay.Action]relay.AlertState{
		relay.ActHold: relay.AlertHeld, relay.ActCancel: relay.AlertCancelled, relay.ActSuppress: relay.AlertSuppressed,
	} {
		for _, reason := range reasonsOf(string(state), "alert") {
			m.alerts.WithLabelValues(string(action), string(reason))
		}
	}
	m.alerts.WithLabelValues(string(relay.ActSend), "")
}

func (m *metrics) zeroAttempts(ch relay.Channel) {
	for _, provider := range carriers()[ch] {
		for _, outcome := range []string{"success", "throttled", "retryable", string(relay.Permanent), string(relay.Unknown)} {
			m.attempts.WithLabelValues(string(ch), provider, outcome)
		}
		m.attemptDuration.WithLabelValues(string(ch), provider)
	}
	for _, status := range reportable()[ch] {
		m.receipts.WithLabelValues(string(ch), status)
	}
}

// carriers are the providers that each channel may have.
func carriers() map[relay.Channel][]string {
	return map[relay.Channel][]string{
		relay.ChannelSMS: {twilio.Name, outbox.Name}, relay.ChannelEmail: {sendgrid.Name, outbox.Name},
	}
}

// reportable are the words of providers in receipts.
func reportable() map[relay.Channel][]string {
	return map[relay.Channel][]string{relay.ChannelSMS: twilio.Statuses(), relay.ChannelEmail: sendgrid.Statuses()}
}

// endStates are the states that count as an end of a delivery; sent is one where nothing is heard of it again.
func endStates() []relay.DeliveryState {
	return []relay.DeliveryState{
		relay.DeliverySent, relay.DeliveryDelivered, relay.DeliveryUndelivered, relay.DeliveryDead, relay.DeliverySuppressed,
	}
}

// suppressing are the Reasons for which a delivery is suppressed, as their documentation says.
func suppressing() []relay.Reason { return reasonsOf(string(relay.DeliverySuppressed), "delivery") }

// reasonsOf are the Reasons that something may have in a state, as their documentation says: "held alert, queued delivery",
// "dead or suppressed delivery".
func reasonsOf(state, what string) []relay.Reason {
	var out []relay.Reason
	for _, doc := range relay.Reasons() {
		for part := range strings.SplitSeq(doc.Of, ", ") {
			if strings.Contains(part, state) && (strings.Contains(part, what) || !strings.Contains(part, " ") && strings.HasSuffix(doc.Of, what)) {
				out = append(out, doc.Reason)
				break
			}
		}
	}
	return out
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Webhook implements server.Observer.
func (m *metrics) Webhook(ctx context.Context, trigger, outcome string, took time.Duration) {
	m.webhooks.WithLabelValues(sourceWebhook, trigger, outcome).Inc()
	observe(ctx, m.webhookDuration, took)
}

// Callback implements server.Observer. The duration is kept for webhooks alone, which have a sender that waits 2 s.
func (m *metrics) Callback(source, outcome string, _ time.Duration) {
	m.webhooks.WithLabelValues(source, "", outcome).Inc()
}

// received notes receipts under the provider's own words, of which each adapter has a list, and the deliveries that they brought
// to an end.
func (m *metrics) received(ch relay.Channel, receipts []relay.Receipt, moved []relay.Delivery) {
	for _, r := range receipts {
		m.receipts.WithLabelValues(string(ch), r.Status).Inc()
	}
	for _, d := range moved {
		if d.State == relay.DeliveryDelivered || d.State == relay.DeliveryUndelivered {
			m.deliveries.WithLabelValues(string(d.Channel), string(d.State)).Inc()
		}
	}
}

// planned notes what the rules made of an event, and gives its trigger as a label.
func (m *metrics) planned(event relay.Event, verdicts []engine.Verdict) string {
	trigger := otherTrigger
	if _, ok := m.known[event.Trigger]; ok {
		trigger = string(event.Trigger)
	}
	result := resultUnmatched
	for _, v := range verdicts {
		if v.Err != nil {
			m.ruleErrors.WithLabelValues(v.Rule, "condition").Inc()
		}
		if v.Matched {
			result = resultMatched
			m.ruleMatches.WithLabelValues(v.Rule).Inc()
		}
	}
	m.events.WithLabelValues(trigger, result).Inc()
	return trigger
}

// Decided implements dispatch.Observer.
func (m *metrics) Decided(alert relay.Alert, decision relay.Decision) {
	m.alerts.WithLabelValues(string(decision.Action), string(decision.Reason)).Inc()
	for _, d := range decision.Deliveries {
		if d.Reason == relay.ReasonRenderFailed {
			m.ruleErrors.WithLabelValues(alert.Rule, "template").Inc()
		}
	}
}

// Attempted implements dispatch.Observer.
func (m *metrics) Attempted(ctx context.Context, delivery relay.Delivery, attempt relay.Attempt) {
	m.attempts.WithLabelValues(string(delivery.Channel), attempt.Provider, outcomeLabel(attempt.Outcome)).Inc()
	observe(ctx, m.attemptDuration.WithLabelValues(string(delivery.Channel), attempt.Provider), attempt.EndedAt.Sub(attempt.StartedAt))
}

// outcomeLabel says in the usual words of metrics what an attempt came to.
func outcomeLabel(o relay.Outcome) string {
	switch {
	case o.Kind == relay.Accepted:
		return "success"
	case o.Reason == relay.ReasonThrottled:
		return "throttled"
	case o.Kind == relay.Retry:
		return "retryable"
	default:
		return string(o.Kind) // permanent, unknown
	}
}

// workers shows how many jobs are worked.
func (m *metrics) workers(busy func() (now, of int)) {
	for state, value := range map[string]func() float64{
		"busy": func() float64 { now, _ := busy(); return float64(now) },
		"idle": func() float64 { now, of := busy(); return float64(of - now) },
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "beckon_workers", Help: "Workers by whether they have a job.", ConstLabels: prometheus.Labels{"state": state},
		}, value))
	}
}

// Settled implements dispatch.Observer.
func (m *metrics) Settled(ctx context.Context, delivery relay.Delivery, state relay.DeliveryState, latency time.Duration) {
	m.deliveries.WithLabelValues(string(delivery.Channel), string(state)).Inc()
	if state == relay.DeliverySuppressed {
		reason := delivery.Reason
		if !slices.Contains(suppressing(), reason) { // it is that of an earlier attempt; the last one found out that somebody said no
			reason = relay.ReasonOptedOut
		}
		m.suppressed.WithLabelValues(string(delivery.Channel), string(reason)).Inc()
	}
	if state == relay.DeliverySent {
		observe(ctx, m.latency.WithLabelValues(string(delivery.Channel)), latency)
	}
}

// Searched implements dispatch.Observer.
func (m *metrics) Searched(delivery relay.Delivery, result dispatch.Search) {
	m.searches.WithLabelValues(string(delivery.Channel), string(result)).Inc()
}

// LookedUp implements directory.Observer.
func (m *metrics) LookedUp(source string, result directory.Result, took time.Duration) {
	m.lookups.WithLabelValues(source, string(result)).Inc()
	if took > 0 {
		m.lookupDuration.WithLabelValues(source).Observe(took.Seconds())
	}
}

// ZoneUnknown implements dispatch.Observer.
func (m *metrics) ZoneUnknown() { m.zonesUnknown.Inc() }

// reloaded notes the generation in force, and makes the error series of its rules exist before their first error.
func (m *metrics) reloaded(generation *engine.Generation, at time.Time) {
	for _, rule := range generation.Rules.Rules() {
		m.ruleMatches.WithLabelValues(rule.Name)
		m.ruleErrors.WithLabelValues(rule.Name, "condition")
		m.ruleErrors.WithLabelValues(rule.Name, "template")
	}
	m.reloadOK.Set(1)
	m.reloadTime.Set(float64(at.UnixNano()) / 1e9)
	m.configInfo.Reset()
	m.configInfo.WithLabelValues(generation.Hash).Set(1)
}

func (m *metrics) reloadFailed() { m.reloadOK.Set(0) }
