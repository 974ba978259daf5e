package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/server"
)

// serve runs a listener until the test ends.
func serve(t *testing.T, o server.ListenOptions) *server.Listener {
	t.Helper()
	o.Addr = "127.0.0.1:0"
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := server.Listen(t.Context(), o)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- l.Serve() }()
	t.Cleanup(func() {
		require.NoError(t, l.Shutdown(context.Background()))
		require.NoError(t, <-done)
	})
	return l
}

func public(in intake, deadline time.Duration) http.Handler {
	return server.NewPublic(server.PublicOptions{
		Intake: in, Users: users, Deadline: deadline, Logger: slog.New(slog.DiscardHandler),
	})
}

// dial opens a connection and writes the head of a webhook with further headers, but no body.
func dial(t *testing.T, l *server.Listener, headers string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)), "sooner than the server's own time-out")
	_, err = fmt.Fprintf(conn, "POST /webhooks/cometchat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n", headers)
	require.NoError(t, err)
	return conn, bufio.NewReader(conn)
}

const basic = "Authorization: Basic Y2hhdDpzZWNyZXQ=\r\n" // chat:secret

func TestALargeBodyIsRefusedWithoutBeingRead(t *testing.T) {
	t.Parallel()
	l := serve(t, server.ListenOptions{Handler: public(accept, 0)})
	_, r := dial(t, l, basic+"Content-Length: 99999999\r\n")
	answer, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode)
	require.True(t, answer.Close, "the connection is not kept to drain the rest")
}

func TestALargeChunkedBodyIsCutOff(t *testing.T) {
	t.Parallel()
	l := serve(t, server.ListenOptions{Handler: public(accept, time.Minute)})
	conn, r := dial(t, l, basic+"Transfer-Encoding: chunked\r\n")
	_, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", 1<<20+1, strings.Repeat("x", 1<<20+1))
	require.NoError(t, err)
	answer, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode)
	require.True(t, answer.Close)
}

func TestASenderThatDribblesIsGivenUp(t *testing.T) {
	t.Parallel()
	l := serve(t, server.ListenOptions{Handler: public(accept, 50*time.Millisecond)})
	for headers, status := range map[string]int{
		basic + "Content-Length: 10\r\n":                   http.StatusBadRequest,
		"Content-Length: 10\r\n":                           http.StatusUnauthorized, // the body of a refused request
		basic + "Content-Type: x\r\nContent-Length: 9\r\n": http.StatusBadRequest,
	} {
		conn, r := dial(t, l, headers)
		_, err := io.WriteString(conn, "{")
		require.NoError(t, err)
		answer, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, status, answer.StatusCode)
	}
}

func TestAConnectionIsUsedAgainAfterTheDeadlineOfItsFirstWebhook(t *testing.T) {
	t.Parallel()
	const deadline = 30 * time.Millisecond
	late := func(ctx context.Context, _ []byte) (server.Receipt, error) {
		<-ctx.Done()
		return server.Receipt{ID: "late"}, nil
	}
	l := serve(t, server.ListenOptions{Handler: public(late, deadline)})
	conn, r := dial(t, l, basic+"Content-Length: 2\r\n")
	for range 3 {
		_, err := io.WriteString(conn, "{}")
		require.NoError(t, err)
		answer, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		_, err = fmt.Fprintf(conn, "POST /webhooks/cometchat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%sContent-Length: 2\r\n\r\n", basic)
		require.NoError(t, err)
	}
}

// issue writes a certificate for 127.0.0.1 with its key, and returns what trusts it.
func issue(t *testing.T, dir, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	write(t, filepath.Join(dir, "crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, filepath.Join(dir, "key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool.AddCert(parsed)
	return pool
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

// served tells for which name the certificate is that a new connection gets.
func served(t *testing.T, l *server.Listener) string {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the test looks at the certificate itself
	conn, err := dialer.DialContext(t.Context(), "tcp", l.Addr())
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // nothing was written
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames[0]
}

func TestHTTPSSpeaksHTTP2AndNothingOld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool := issue(t, dir, "one.example")
	l := serve(t, server.ListenOptions{
		CertFile: filepath.Join(dir, "crt"), KeyFile: filepath.Join(dir, "key"), Handler: public(accept, 0),
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	r := post(t, strings.NewReader("{}"))
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "https", l.Addr()
	answer, err := transport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, 2, answer.ProtoMajor)

	old := tls.Dialer{Config: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}} //nolint:gosec // to be refused
	_, err = old.DialContext(t.Context(), "tcp", l.Addr())
	require.ErrorContains(t, err, "protocol version")
}

func TestARenewedCertificateIsTakenOverAndABrokenOneIsNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	issue(t, dir, "one.example")
	var seconds atomic.Int64
	start := time.Now()
	log := &lines{}
	l := serve(t, server.ListenOptions{
		CertFile: filepath.Join(dir, "crt"), KeyFile: filepath.Join(dir, "key"), Handler: public(accept, 0),
		Logger: log.logger(), Now: func() time.Time { return start.Add(time.Duration(seconds.Load()) * time.Second) },
	})
	require.Equal(t, "one.example", served(t, l))

	issue(t, dir, "two.example")
	seconds.Add(4)
	require.Equal(t, "one.example", served(t, l), "the files are not read for each handshake")
	seconds.Add(1)
	require.Equal(t, "two.example", served(t, l))
	require.Contains(t, log.String(), "certificate renewed")

	write(t, filepath.Join(dir, "crt"), []byte("half a certif"))
	for range 3 {
		seconds.Add(5)
		require.Equal(t, "two.example", served(t, l))
	}
	require.Equal(t, 1, strings.Count(log.String(), "the old one stays"), "said once")
	require.NoError(t, os.Remove(filepath.Join(dir, "key")))
	seconds.Add(5)
	require.Equal(t, "two.example", served(t, l))
	require.Equal(t, 2, strings.Count(log.String(), "the old one stays"))

	issue(t, dir, "three.example")
	seconds.Add(5)
	require.Equal(t, "three.example", served(t, l))
}

func TestWhatCannotBeServedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	issue(t, dir, "one.example")
	issue(t, other, "two.example")
	crt, key := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	taken := serve(t, server.ListenOptions{Handler: public(accept, 0)})
	for want, o := range map[string]server.ListenOptions{
		"needs both a certificate file and a key file": {Addr: "127.0.0.1:0", CertFile: crt},
		"only one is given":                            {Addr: "127.0.0.1:0", KeyFile: key},
		"read certificate: open " + crt + ".gone":      {Addr: "127.0.0.1:0", CertFile: crt + ".gone", KeyFile: key},
		"read key of the certificate: open ":           {Addr: "127.0.0.1:0", CertFile: crt, KeyFile: key + ".gone"},
		"private key does not match public key":        {Addr: "127.0.0.1:0", CertFile: crt, KeyFile: filepath.Join(other, "key")},
		"address already in use":                       {Addr: taken.Addr()},
		"missing port in address":                      {Addr: "nowhere"},
	} {
		o.Logger = slog.New(slog.DiscardHandler)
		_, err := server.Listen(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}

func TestShutdownWaitsForWhatIsInWork(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := func(context.Context, []byte) (server.Receipt, error) {
		close(entered)
		<-leave
		return server.Receipt{ID: "kept"}, nil
	}
	l, err := server.Listen(t.Context(), server.ListenOptions{
		Addr: "127.0.0.1:0", Handler: public(slow, time.Minute), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- l.Serve() }()
	conn, r := dial(t, l, basic+"Content-Length: 2\r\n")
	_, err = io.WriteString(conn, "{}")
	require.NoError(t, err)
	<-entered

	impatient, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- l.Shutdown(t.Context()) }()
	require.NoError(t, <-served, "Serve returns as soon as shutting down begins")
	close(leave)
	require.NoError(t, <-stopped)
	answer, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	cancel()
	require.NoError(t, l.Shutdown(impatient), "twice does no harm")
}

func TestShutdownCutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	stuck := func(context.Context, []byte) (server.Receipt, error) {
		close(entered)
		<-leave
		return server.Receipt{}, nil
	}
	defer close(leave)
	l, err := server.Listen(t.Context(), server.ListenOptions{
		Addr: "127.0.0.1:0", Handler: public(stuck, time.Minute), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	go func() { _ = l.Serve() }()
	conn, r := dial(t, l, basic+"Content-Length: 2\r\n")
	_, err = io.WriteString(conn, "{}")
	require.NoError(t, err)
	<-entered
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, l.Shutdown(impatient), context.Canceled)
	_, err = r.ReadByte()
	require.Error(t, err)
}

func TestAListenerThatNeverServedFreesItsPort(t *testing.T) {
	t.Parallel()
	o := server.ListenOptions{Addr: "127.0.0.1:0", Handler: public(accept, 0), Logger: slog.New(slog.DiscardHandler)}
	l, err := server.Listen(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, l.Shutdown(t.Context()))
	require.NoError(t, l.Serve(), "after Shutdown there is nothing to serve")
	o.Addr = l.Addr()
	again, err := server.Listen(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, again.Shutdown(t.Context()))
}
