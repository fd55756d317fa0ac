// Command pointsman-live is what the live tests talk to: kube-apiserver and etcd, as their own modules publish them.
//
//	pointsman-live etcd --data-dir DIR --listen 127.0.0.1:PORT
//	pointsman-live compact --endpoint 127.0.0.1:PORT
//	pointsman-live apiserver FLAGS...    (those of kube-apiserver)
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const usage = "usage: pointsman-live etcd|compact|apiserver FLAGS..."

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	command, arguments := os.Args[1], os.Args[2:]
	switch command {
	case "apiserver":
		server := app.NewAPIServerCommand()
		server.SetArgs(arguments)
		os.Exit(cli.Run(server))
	case "etcd":
		serveEtcd(arguments)
	case "compact":
		compact(arguments)
	default:
		fail(usage)
	}
}

// serveEtcd runs one member until SIGTERM or SIGINT. Nothing is synced to the disk: the data lives as long as the tests.
func serveEtcd(arguments []string) {
	flags := flag.NewFlagSet("etcd", flag.ExitOnError)
	dataDir := flags.String("data-dir", "", "an empty folder")
	listen := flags.String("listen", "", "host:port for clients")
	peer := flags.String("peer", "", "host:port for other members, of which there are none")
	_ = flags.Parse(arguments)

	config := embed.NewConfig()
	config.Dir = *dataDir
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	// whoever started us holds the ports already, so that nobody else can take them
	config.SocketOpts.ReusePort = true
	config.ListenClientUrls = []url.URL{{Scheme: "http", Host: *listen}}
	config.AdvertiseClientUrls = config.ListenClientUrls
	config.ListenPeerUrls = []url.URL{{Scheme: "http", Host: *peer}}
	config.AdvertisePeerUrls = config.ListenPeerUrls
	config.InitialCluster = config.InitialClusterFromName(config.Name)

	member, err := embed.StartEtcd(config)
	if err != nil {
		fail("etcd: " + err.Error())
	}
	defer member.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-stop:
	case err := <-member.Err():
		fail("etcd: " + err.Error())
	}
}

// compact forgets every revision but the newest, and prints that one's number.
func compact(arguments []string) {
	flags := flag.NewFlagSet("compact", flag.ExitOnError)
	endpoint := flags.String("endpoint", "", "host:port of etcd")
	_ = flags.Parse(arguments)

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{*endpoint}, DialTimeout: 5 * time.Second})
	if err != nil {
		fail("compact: " + err.Error())
	}
	defer client.Close()
	answer, err := client.Get(ctx, "a key that nobody wrote")
	if err != nil {
		fail("compact: " + err.Error())
	}
	if _, err := client.Compact(ctx, answer.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		fail("compact: " + err.Error())
	}
	fmt.Println(answer.Header.Revision)
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(2)
}
