// A producer and a consumer of nearline in Go: `go run . send TITLE VIEWER...`, `go run . lists`.
//
// NEARLINE_BROKERS: address of Kafka (127.0.0.1:19092); NEARLINE_TOPIC_PREFIX: prefix of all topics.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	quiet    = 2 * time.Second  // `lists` ends after this time without records; a service runs on
	patience = 30 * time.Second // limit for the first record
)

type event struct {
	Type        string `json:"type"`
	EventID     string `json:"event_id"`
	ViewerID    string `json:"viewer_id"`
	EventTimeMs int64  `json:"event_time_ms"`
	TitleID     string `json:"title_id"`
	WatchedS    int    `json:"watched_s"`
	PositionS   int    `json:"position_s"`
}

type page struct {
	Seq         int64 `json:"seq"`
	ExpiresAtMs int64 `json:"expires_at_ms"`
	Rows        []struct {
		Items []struct {
			TitleID string `json:"title_id"`
		} `json:"items"`
	} `json:"rows"`
}

type line struct {
	ViewerID string   `json:"viewer_id"`
	Seq      int64    `json:"seq"`
	Titles   []string `json:"titles"`
}

// send sends a stop event for each viewer: fifty minutes of a title watched.
func send(title string, viewers []string) error {
	client, err := connect(
		// nil: murmur2 of the key, as in Java, the default of franz-go
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	var records []*kgo.Record
	for _, viewer := range viewers {
		value, err := json.Marshal(event{
			Type:        "stop",
			EventID:     rand.Text(), // a duplicate with the same id is not counted again
			ViewerID:    viewer,
			EventTimeMs: time.Now().UnixMilli(),
			TitleID:     title,
			WatchedS:    3000,
			PositionS:   3000,
		})
		if err != nil {
			return err
		}
		records = append(records, &kgo.Record{Topic: topic("viewing.events.v1"), Key: []byte(viewer), Value: value})
	}
	return client.ProduceSync(context.Background(), records...).FirstErr()
}

// lists prints the newest page of every viewer, in the current topic.
func lists() error {
	client, err := connect(
		kgo.ConsumeTopics(topic("recs.home.v1")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), // pages are written in transactions
	)
	if err != nil {
		return err
	}
	defer client.Close()
	pages := map[string]page{}
	for wait := patience; ; {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		fetches := client.PollFetches(ctx)
		cancel()
		if err := fetches.Err(); errors.Is(err, context.DeadlineExceeded) {
			return print(pages)
		} else if err != nil {
			return err
		}
		wait = quiet
		for _, record := range fetches.Records() {
			if err := keep(pages, record); err != nil {
				return err
			}
		}
	}
}

// keep applies a record to the pages: the newest page of a viewer, or none after a tombstone.
func keep(pages map[string]page, record *kgo.Record) error {
	viewer := string(record.Key)
	if record.Value == nil {
		delete(pages, viewer)
		return nil
	}
	var found page
	if err := json.Unmarshal(record.Value, &found); err != nil {
		return err
	}
	if found.Seq > pages[viewer].Seq {
		pages[viewer] = found
	}
	return nil
}

func print(pages map[string]page) error {
	out := json.NewEncoder(os.Stdout)
	for viewer, found := range pages {
		if found.ExpiresAtMs <= time.Now().UnixMilli() {
			continue
		}
		titles := []string{}
		for _, row := range found.Rows {
			for _, item := range row.Items {
				titles = append(titles, item.TitleID)
			}
		}
		if err := out.Encode(line{viewer, found.Seq, titles}); err != nil {
			return err
		}
	}
	return nil
}

func connect(options ...kgo.Opt) (*kgo.Client, error) {
	brokers := os.Getenv("NEARLINE_BROKERS")
	if brokers == "" {
		brokers = "127.0.0.1:19092"
	}
	return kgo.NewClient(append(options, kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.ClientID("sample"))...)
}

func topic(name string) string { return os.Getenv("NEARLINE_TOPIC_PREFIX") + name }

func main() {
	err := errors.New("usage: sample send TITLE VIEWER... | sample lists")
	switch words := os.Args[1:]; {
	case len(words) > 2 && words[0] == "send":
		err = send(words[1], words[2:])
	case len(words) == 1 && words[0] == "lists":
		err = lists()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
