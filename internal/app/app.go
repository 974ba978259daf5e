package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/telemetry"
	"github.com/beckon-relay/beckon/internal/view"
)

// Options are what an App is made with. Config and Logger are required.
type Options struct {
	Config  config.Config
	Version string
	// Revision is the commit it was built of; empty where that is not known.
	Revision string
	Logger   *slog.Logger
	// Settings reads the settings anew on a reload, so that rotated secrets take effect; nil keeps Config.
	Settings func() (config.Config, error)
	// Level is that of Logger, which operators may change while it runs; nil where it stays as it is.
	Level *slog.LevelVar
	// Dev is for `dev`: the console is there although nobody is configured who may use it.
	Dev bool
	// HurryTo caps every rule's wait and turns quiet hours off, for `dev`; 0 leaves the rules as they are.
	HurryTo time.Duration
}

// App is a relay, opened and ready to run.
type App struct {
	Options

	store      store.Store
	closeStore func() error
	metrics    *metrics
	tally      *tallier
	tracer     *telemetry.Tracer // nil where nothing is traced
	replica    string
	watched    *storeWatch
	dispatcher *dispatch.Dispatcher
	public     *server.Listener
	admin      *server.Listener

	// live is all that a reload replaces, at once.
	live    atomic.Pointer[live]
	reload  sync.Mutex
	refusal string // the last refused reload, guarded by reload
	// refusals are the findings for which the last reload was refused; nil where it was not.
	refusals atomic.Pointer[[]view.Finding]
	// trials bound what is tried at once in the playground.
	trials chan struct{}
	// replaying is held while a backtest runs.
	replaying sync.Mutex
	// inForce is what was loaded last, and how the last reload went.
	inForce atomic.Pointer[view.Config]
	// lasting is what of the admin listener outlives a reload.
	lasting *access.Lasting
	// stopping ends when the shutdown begins.
	stopping context.Context
	stop     context.CancelFunc
	// keys recognise what is left of forgotten people. The store is open before anything is live.
	keys     atomic.Pointer[relay.HashKeys]
	draining atomic.Bool
}

// New opens the database, loads rules, templates and directory, and binds the ports. Everything that is missing or wrong is
// in the error, not the first of it only. Close what it returns, also if it is not run.
func New(ctx context.Context, o Options) (*App, error) {
	a := &App{
		Options: o, metrics: newMetrics(o.Version, cmp.Or(o.Revision, "unknown")), replica: replica(), lasting: access.NewLasting(),
		trials: newSlots(),
	}
	if err := a.traced(ctx); err != nil {
		return nil, err
	}
	a.watched = &storeWatch{logger: a.Logger}
	a.stopping, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	keys := hashKeys(o.Config)
	a.keys.Store(&keys)
	kept, pools, err := openDatabase(ctx, o.Config, database{logger: a.Logger, keys: func() relay.HashKeys { return *a.keys.Load() }})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), a.tracer.Close(ctx))
	}
	a.store = kept
	a.tally = newTallier(kept, sparing(a.Logger))
	a.metrics.registry.MustRegister(newQueueCollector(kept, time.Now))
	a.metrics.registry.MustRegister(pools...)
	a.closeStore = sync.OnceValue(kept.Close)
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close(), a.tracer.Close(ctx))
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	first, err := a.load(a.Config) //nolint:contextcheck // handlers take the context of their request
	if err != nil {
		return err
	}
	if err := a.recognises(ctx, hashKeys(a.Config)); err != nil {
		return err
	}
	if err := a.keep(ctx, first.generation); err != nil {
		return err
	}
	a.live.Store(first)
	a.inForce.Store(&view.Config{Hash: first.generation.Hash, LoadedAt: time.Now()})
	a.warn(ctx, first.warnings)
	a.metrics.reloaded(first.generation, time.Now())
	a.dispatcher = dispatch.New(dispatch.Options{
		Store: a.store, Current: a.generation, Directory: a, Chat: a, Links: a.linksFor, Provider: a.provider, Observer: observer{a.metrics, a.tally},
		Tracer: a.tracer,
		Logger: sparing(a.Logger), Now: time.Now, Random: rand.Float64, UnknownWait: a.Config.UnknownWait,
		Retention: a.Config.Retention, RetentionMessages: a.Config.RetentionMessages, RetentionAudit: a.Config.RetentionAudit, Replica: a.replica, Limits: limits(a.Config), DailySegments: dailySegments(a.Config),
		Receipts: a.receiptsFrom, Guard: countryGuard(a.Config.SMSCountries), Sandbox: sandbox(a.Config, a.store),
	})
	a.metrics.workers(a.dispatcher.Busy)
	a.metrics.registry.MustRegister(newGateCollector(a.dispatcher.Gates))
	public, err := server.Listen(ctx, server.ListenOptions{
		Addr: a.Config.Listen, CertFile: a.Config.TLSCertFile, KeyFile: a.Config.TLSKeyFile,
		Handler: http.HandlerFunc(a.servePublic), Logger: a.Logger,
	})
	if err != nil {
		return fmt.Errorf("public listener: %w", err)
	}
	a.public = public
	admin, err := server.Listen(ctx, server.ListenOptions{
		Addr: a.Config.AdminListen, Handler: http.HandlerFunc(a.serveAdmin), Logger: a.Logger,
	})
	if err != nil {
		return fmt.Errorf("admin listener: %w", err)
	}
	a.admin = admin
	return nil
}

// PublicAddr and AdminAddr are where the listeners are bound.
func (a *App) PublicAddr() string { return a.public.Addr() }

// AdminAddr is where the admin listener is bound.
func (a *App) AdminAddr() string { return a.admin.Addr() }

// Store is what the relay keeps, for those who look while it runs.
func (a *App) Store() store.Store { return a.store }

func (a *App) servePublic(w http.ResponseWriter, r *http.Request) {
	a.live.Load().public.ServeHTTP(w, r)
}

func (a *App) serveAdmin(w http.ResponseWriter, r *http.Request) { a.live.Load().admin.ServeHTTP(w, r) }

func (a *App) provider(ch relay.Channel) (dispatch.Provider, bool) {
	p, ok := a.live.Load().providers[ch]
	return p, ok
}

// The parts of a shutdown, and how long each may take; requests and work end side by side. Together they stay within Kubernetes' grace
// period of 60 s with the preStop pause before it.
const (
	drainListeners = 10 * time.Second
	drainWork      = 20 * time.Second
	drainAdmin     = 5 * time.Second
)

// Run serves until ctx ends, then stops in order: not ready, no more work claimed, requests ended, attempts finished,
// database closed. What is unfinished is taken up at the next start.
func (a *App) Run(ctx context.Context) error {
	base := context.WithoutCancel(ctx)
	if err := a.dispatcher.Start(base); err != nil {
		return errors.Join(err, a.Close())
	}
	failed := make(chan error, 3)
	go func() { failed <- a.public.Serve() }()
	go func() { failed <- a.admin.Serve() }()
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	go a.watch(watching)
	stopCounting := a.tally.start(base)
	a.Logger.InfoContext(ctx, "beckon serves", append([]any{
		"version", a.Version, "public", a.PublicAddr(), "admin", a.AdminAddr(), "rules", a.generation().Hash,
	}, a.guards(ctx)...)...)
	debug.FreeOSMemory() // loading took much more than what is left of it
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	return errors.Join(err, a.shutdown(base, stopCounting))
}

func (a *App) shutdown(ctx context.Context, stopCounting func()) error {
	a.draining.Store(true)
	a.stop()
	a.Logger.InfoContext(ctx, "beckon stops: no new work, unfinished work is taken up at the next start")
	work, cancel := context.WithTimeout(ctx, drainWork)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- a.dispatcher.Stop(work) }() // it claims nothing from here on, also while a slow client keeps the listener
	listeners, cancel := context.WithTimeout(ctx, drainListeners)
	defer cancel()
	err := a.public.Shutdown(listeners)
	err = errors.Join(err, <-stopped)
	last, cancel := context.WithTimeout(ctx, drainAdmin)
	defer cancel()
	err = errors.Join(err, a.admin.Shutdown(last))
	stopCounting()
	a.untraced(ctx)
	return errors.Join(err, a.Close())
}

// Close lets go of the database. Run does it itself.
func (a *App) Close() error {
	a.stop()
	if err := a.closeStore(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// ready says whether webhooks can be taken in.
func (a *App) ready(ctx context.Context) error {
	if a.draining.Load() {
		return &server.Refusal{Code: "draining", Message: "shutting down"}
	}
	err := a.store.Ping(ctx)
	if errors.Is(err, store.ErrOverloaded) { // busy is not broken
		err = nil
	}
	a.watched.saw(ctx, err)
	if err != nil {
		return &server.Refusal{Code: "store_unavailable", Message: "the store does not answer"}
	}
	return nil
}

// NewLogger makes the logger that the settings ask for. Its level may be changed while it is used.
func NewLogger(c config.Config, w io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(c.LogLevel)
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == config.LogText {
		return slog.New(slog.NewTextHandler(w, options)), level
	}
	return slog.New(slog.NewJSONHandler(w, options)), level
}
