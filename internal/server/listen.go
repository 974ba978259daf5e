package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of one connection. The webhook's own deadline is tighter.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
)

// ListenOptions says where and what to serve.
type ListenOptions struct {
	// Addr is host:port; port 0 takes a free one.
	Addr string
	// CertFile and KeyFile (PEM) make it HTTPS, with HTTP/2; both or neither.
	CertFile, KeyFile string
	Handler           http.Handler
	Logger            *slog.Logger
	// Now is the clock by which certificate files are looked at again; nil means time.Now.
	Now func() time.Time
}

// Listener is a bound port with its server.
type Listener struct {
	listener net.Listener
	server   *http.Server
}

// Listen binds the port and reads the certificate, so that what is wrong shows before anything is served.
func Listen(ctx context.Context, o ListenOptions) (*Listener, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	secure, err := tlsConfig(o)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", o.Addr, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return &Listener{listener: listener, server: &http.Server{
		Handler:           o.Handler,
		TLSConfig:         secure,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}}, nil
}

// Addr is the bound address as host:port.
func (l *Listener) Addr() string { return l.listener.Addr().String() }

// Serve answers requests until Shutdown, and then returns nil at once.
func (l *Listener) Serve() error {
	serve := l.server.Serve
	if l.server.TLSConfig != nil {
		serve = func(listener net.Listener) error { return l.server.ServeTLS(listener, "", "") }
	}
	if err := serve(l.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown takes no more requests and waits for those in work. When ctx ends first, it cuts them off and returns an
// error.
func (l *Listener) Shutdown(ctx context.Context) error {
	if err := l.server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("shut down %s: %w", l.Addr(), err), l.server.Close())
	}
	// A server that never served does not know the port.
	if err := l.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close %s: %w", l.Addr(), err)
	}
	return nil
}
