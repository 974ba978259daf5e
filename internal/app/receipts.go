package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/channel/sendgrid"
	"github.com/beckon-relay/beckon/internal/channel/twilio"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/telemetry"
)

// Sources of callbacks, as metrics name them.
const (
	sourceStatus  = "twilio_status"
	sourceInbound = "twilio_inbound"
	sourceEvents  = "sendgrid"
)

// callbackSources lists every source, so that metrics can start at zero.
func callbackSources() []string { return []string{sourceStatus, sourceInbound, sourceEvents} }

// receiver keeps receipts; the store is one.
type receiver interface {
	// Receive keeps each receipt once and does what it says. It returns the deliveries that moved, as they are then.
	Receive(ctx context.Context, receipts []relay.Receipt) ([]relay.Delivery, error)
}

// reports takes in what one provider reports at one address: verified, read and kept before it is answered.
type reports struct {
	channel relay.Channel
	// read verifies and reads a call; its errors are those of package channel.
	read func(server.Call) (report, error)
	// reply answers what was kept.
	reply   server.Reply
	store   receiver
	metrics *metrics
	// tally counts for the overview; nil does not.
	tally *tallier
	// forged is told of each wrong signature; nil tells nobody.
	forged *forgeries
}

// report is what one call says.
type report struct {
	receipts []relay.Receipt
	// answer is the body of the reply, where it is not always the same.
	answer string
}

// only makes a report of what a provider's package reads.
func only(receipts []relay.Receipt, err error) (report, error) {
	return report{receipts: receipts}, err
}

// Receive is for server.Callback.
func (r *reports) Receive(ctx context.Context, call server.Call) (server.Reply, error) {
	said, err := r.read(call)
	if errors.Is(err, channel.ErrSignature) {
		r.forged.told(ctx)
	}
	if err != nil {
		return server.Reply{}, refuseReport(err)
	}
	reply := r.reply
	if said.answer != "" {
		reply.Body = said.answer
	}
	if len(said.receipts) == 0 {
		return reply, nil
	}
	moved, err := r.store.Receive(store.WithTrace(ctx, telemetry.Traceparent(ctx)), said.receipts)
	if refusal, ok := turnedAway(err); ok {
		return server.Reply{}, refusal
	}
	if err != nil {
		return server.Reply{}, fmt.Errorf("keep receipts: %w", err)
	}
	r.metrics.received(r.channel, said.receipts, moved)
	r.tally.reported(moved)
	return reply, nil
}

// refuseReport says no more than that a signature is wrong: why would help nobody but a forger.
func refuseReport(err error) error {
	switch {
	case errors.Is(err, channel.ErrSignature):
		return &server.Refusal{Status: http.StatusForbidden, Code: "bad_signature", Message: "the signature is not valid"}
	case errors.Is(err, channel.ErrTooMany):
		return &server.Refusal{
			Status: http.StatusRequestEntityTooLarge, Code: "too_many", Message: "more events at once than are read",
		}
	case errors.Is(err, channel.ErrUnreadable):
		return &server.Refusal{Status: http.StatusBadRequest, Code: "unreadable", Message: "the body is not a report that is known here"}
	}
	return fmt.Errorf("read a report: %w", err)
}

// callbacks makes a route for each kind of report that can be verified with these settings.
func (a *App) callbacks(c config.Config) (map[string]server.Callback, error) {
	routes := map[string]server.Callback{}
	return routes, errors.Join(a.twilioCallbacks(c, routes), a.sendgridCallbacks(c, routes))
}

func (a *App) twilioCallbacks(c config.Config, routes map[string]server.Callback) error {
	if len(c.Twilio.AuthTokens) == 0 || c.PublicURL == nil {
		return nil
	}
	tokens := make([]string, 0, len(c.Twilio.AuthTokens))
	for _, token := range c.Twilio.AuthTokens {
		tokens = append(tokens, token.Reveal())
	}
	verified, err := twilio.NewCallbacks(twilio.CallbackConfig{
		AuthTokens: tokens, PublicURL: text(c.PublicURL), Now: time.Now, Words: twilio.Words(c.Words),
	})
	if err != nil {
		return err
	}
	callback := func(call server.Call) twilio.Callback {
		return twilio.Callback{URI: call.URI, Signature: call.Header.Get(twilio.SignatureHeader), Body: call.Body}
	}
	route := func(source string, r reports) server.Callback {
		r.channel, r.store, r.metrics, r.tally = relay.ChannelSMS, a.store, a.metrics, a.tally
		r.forged = a.forgeries(source, "BECKON_PUBLIC_URL and TWILIO_AUTH_TOKEN")
		return server.Callback{
			Source: source, MediaType: twilio.CallbackMedia, MaxBody: twilio.MaxCallback, Receive: r.Receive,
		}
	}
	routes[twilio.StatusPath] = route(sourceStatus, reports{
		read:  func(call server.Call) (report, error) { return only(verified.Status(callback(call))) },
		reply: server.Reply{Status: http.StatusNoContent},
	})
	routes[twilio.InboundPath] = route(sourceInbound, reports{
		read: func(call server.Call) (report, error) {
			in, err := verified.Inbound(callback(call))
			return report{receipts: in.Receipts, answer: twilio.TwiML(help(c, in))}, err
		},
		reply: server.Reply{Status: http.StatusOK, ContentType: "text/xml"},
	})
	return nil
}

// help is what somebody is answered who asks for help in one of our words: Twilio answers its own, STOP and START by itself. Where
// messages stay in the house, so does this one.
func help(c config.Config, in twilio.Inbound) string {
	if !in.Help || c.Providers == config.ProvidersOutbox || len(c.OnlyTo) > 0 && !c.OnlyTo.Names(in.From.Reveal()) {
		return ""
	}
	return c.HelpReply
}

func (a *App) sendgridCallbacks(c config.Config, routes map[string]server.Callback) error {
	if len(c.SendGrid.EventPublicKeys) == 0 {
		return nil
	}
	events, err := sendgrid.NewEvents(sendgrid.EventsConfig{PublicKeys: c.SendGrid.EventPublicKeys, Now: time.Now})
	if err != nil {
		return err
	}
	r := &reports{
		channel: relay.ChannelEmail, store: a.store, metrics: a.metrics, tally: a.tally, reply: server.Reply{Status: http.StatusOK},
		forged: a.forgeries(sourceEvents, "SENDGRID_EVENT_PUBLIC_KEY"),
		read: func(call server.Call) (report, error) {
			return only(events.Read(sendgrid.Batch{
				Signature: call.Header.Get(sendgrid.SignatureHeader), Timestamp: call.Header.Get(sendgrid.TimestampHeader),
				Body: call.Body,
			}))
		},
	}
	routes[sendgrid.EventsPath] = server.Callback{
		Source: sourceEvents, MediaType: sendgrid.EventsMedia, MaxBody: sendgrid.MaxBatch, Receive: r.Receive,
	}
	return nil
}

func (a *App) forgeries(source, check string) *forgeries {
	return &forgeries{logger: a.Logger, source: source, check: check, now: time.Now}
}

// reporting says on which channels receipts can come in: somebody carries messages who reports, knows our address, and is believed.
func reporting(c config.Config) map[relay.Channel]bool {
	if c.PublicURL == nil || c.Providers == config.ProvidersOutbox {
		return nil
	}
	return map[relay.Channel]bool{
		relay.ChannelSMS:   len(c.Twilio.AuthTokens) > 0,
		relay.ChannelEmail: len(c.SendGrid.EventPublicKeys) > 0,
	}
}

// receiptsFrom reports whether receipts come in for a channel, by the settings in force: without them silence means nothing.
func (a *App) receiptsFrom(ch relay.Channel) bool { return a.live.Load().reporting[ch] }
