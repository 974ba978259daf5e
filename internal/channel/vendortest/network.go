package vendortest

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// NetworkFault is one way in which a request ends without an answer.
type NetworkFault struct {
	Name string
	// URL is where it happens, for as long as the test takes.
	URL string
	// Sent says that the request had gone out, so that a vendor may have taken it.
	Sent bool
}

// NetworkFaults are all ways that need a listener; a name that nobody knows is not among them. A client has to give up by itself
// where the answer does not come.
func NetworkFaults(tb testing.TB) []NetworkFault {
	tb.Helper()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	stranger.StartTLS()
	tb.Cleanup(stranger.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	tb.Cleanup(plain.Close)
	write := func(answer string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, answer) }
	}
	return []NetworkFault{
		{"nobody listens", closed.URL, false},
		{"a certificate of nobody we trust", stranger.URL, false},
		{"no TLS at all", "https" + plain.URL[len("http"):], false},
		{"an end before the answer", broken(tb, func(net.Conn) {}), true},
		{"a reset before the answer", broken(tb, func(c net.Conn) {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		}), true},
		{"an end within the head", broken(tb, write("HTTP/1.1 201 Cre")), true},
		{"an answer that is no HTTP", broken(tb, write("SSH-2.0-OpenSSH_9.6\r\n\r\n")), true},
		{"no answer in time", broken(tb, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), true},
	}
}

// broken listens, reads each request whole, does something with the connection and closes it.
func broken(tb testing.TB, after func(net.Conn)) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	var open sync.WaitGroup
	tb.Cleanup(func() {
		_ = listener.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close() //nolint:errcheck // it is broken on purpose
				if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, request.Body)
					after(conn)
				}
			})
		}
	})
	return "http://" + listener.Addr().String()
}
