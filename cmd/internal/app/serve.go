package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine"
)

// Ready says where the server can be reached.
type Ready struct {
	Socket string // unix socket for the terminal
	HTTP   string // base URL for Slack in http mode; empty in socket mode
}

// Serve takes in requests until ctx ends, or until the store can no longer be
// used: then the error is the store's. ready is called once when everybody can
// come in; it may be nil.
func (a *App) Serve(ctx context.Context, ready func(Ready)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var at Ready
	var servers []*http.Server
	var work sync.WaitGroup
	serve := func(s *http.Server, l net.Listener) {
		servers = append(servers, s)
		work.Go(func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				cancel(fmt.Errorf("serve %s: %w", l.Addr(), err))
			}
		})
	}
	unix, err := listenUnix(a.Config.Socket)
	if err != nil {
		return err
	}
	at.Socket = a.Config.Socket
	serve(local.NewServer(local.Options{
		Bot: a.Bot, Directory: a.directory, Snapshot: a.Journal.Snapshot, Drills: a.copyDrills(),
		Follow: func(reader context.Context, who engine.Actor, f local.Follow, send func(local.Batch) error) error {
			reader, done := context.WithCancel(reader) // it ends with the server, and not only with its reader
			defer done()
			defer context.AfterFunc(ctx, done)()
			return a.follow(reader, who, f, send)
		},
	}), unix)
	if a.Slack != nil {
		if a.Config.Slack.Mode == config.HTTPMode {
			l, err := net.Listen("tcp", a.Config.Slack.Listen)
			if err != nil {
				cancel(nil)
				_ = unix.Close()
				return fmt.Errorf("listen for Slack: %w", err)
			}
			at.HTTP = "http://" + l.Addr().String()
			serve(&http.Server{Handler: a.Slack.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute}, l)
		}
		work.Go(func() {
			// Without Slack the terminal still does everything, so this is told and does not end the server.
			if err := a.Slack.Run(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("Slack is lost until the server is started again; the terminal does all of it", "error", err)
			}
		})
	}
	if ready != nil {
		ready(at)
	}
	var reason error
	select {
	case <-ctx.Done():
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			reason = cause
		}
	case reason = <-a.fatal:
	}
	cancel(nil)
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	for _, s := range servers {
		if err := s.Shutdown(stop); err != nil {
			_ = s.Close()
		}
	}
	work.Wait()
	return reason
}

// copyDrills copies the journal of exercises; nil: there is none to be copied.
func (a *App) copyDrills() func(ctx context.Context, w io.Writer) error {
	if log, ok := a.drillLog().(interface {
		Snapshot(ctx context.Context, w io.Writer) error
	}); ok {
		return log.Snapshot
	}
	return nil
}

// listenUnix makes the socket, for us and our group: the kernel says who comes
// in, and the directory what they may do. A socket left by a server that is
// gone is replaced; one that answers is not.
func listenUnix(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the socket: %w", err)
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("another server answers on %s; stop it first", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("take away the old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("keep others away from %s: %w", path, err)
	}
	return l, nil
}
