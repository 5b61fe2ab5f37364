// Debian's amqp091-go against a broker: every step is checked; the last line is "ok".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func check(truth bool, what string, shown ...interface{}) {
	if !truth {
		fmt.Fprintln(os.Stderr, append([]interface{}{"failed:", what}, shown...)...)
		os.Exit(1)
	}
}

func must(err error) { check(err == nil, "call", err) }

func get(channel *amqp.Channel, queue string, autoAck bool) amqp.Delivery {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		message, found, err := channel.Get(queue, autoAck)
		must(err)
		if found {
			return message
		}
	}
	check(false, "nothing in "+queue)
	return amqp.Delivery{}
}

var confirms chan amqp.Confirmation

// This version's PublishWithDeferredConfirm misses a confirm that comes before it has noted the publish; the listener does not.
func publish(channel *amqp.Channel, exchange, key string, message amqp.Publishing) {
	must(channel.PublishWithContext(context.Background(), exchange, key, true, false, message))
	select {
	case confirm := <-confirms:
		check(confirm.Ack, "confirm")
	case <-time.After(10 * time.Second):
		check(false, "not confirmed")
	}
}

func declare(channel *amqp.Channel, name string, arguments amqp.Table) string {
	queue, err := channel.QueueDeclare(name, false, false, true, false, arguments)
	must(err)
	return queue.Name
}

// Every property and field type, then a reject to the dead letter exchange.
func properties(channel *amqp.Channel) {
	must(channel.ExchangeDeclare("go.dlx", "fanout", false, true, false, false, nil))
	must(channel.QueueBind(declare(channel, "go.dead", nil), "", "go.dlx", false, nil))
	declare(channel, "go.q", amqp.Table{"x-dead-letter-exchange": "go.dlx"})
	moment := time.Unix(1700000000, 0)
	headers := amqp.Table{
		"text": "téxt", "int8": int8(-5), "uint8": byte(200), "int16": int16(-300), "int32": int32(-70000), "int64": int64(1) << 40,
		"yes": true, "no": false, "none": nil, "list": []interface{}{int32(1), "b", []interface{}{nil}},
		"table": amqp.Table{"k": int32(1), "deep": amqp.Table{"empty": amqp.Table{}}}, "time": moment,
		"bytes": []byte{0, 255, 128}, "float": float32(0.5), "double": 0.1, "decimal": amqp.Decimal{Scale: 2, Value: 125},
	}
	publish(channel, "", "go.q", amqp.Publishing{
		Headers: headers, ContentType: "text/plain", ContentEncoding: "utf-8", DeliveryMode: 2, Priority: 3, CorrelationId: "c",
		ReplyTo: "r", Expiration: "60000", MessageId: "m", Timestamp: moment, Type: "t", UserId: "guest", AppId: "a", Body: []byte("body"),
	})
	got := get(channel, "go.q", false)
	check(string(got.Body) == "body", "body")
	check(reflect.DeepEqual(got.Headers, headers), "headers", got.Headers)
	check(got.ContentType == "text/plain" && got.ContentEncoding == "utf-8" && got.DeliveryMode == 2 && got.Priority == 3 &&
		got.CorrelationId == "c" && got.ReplyTo == "r" && got.Expiration == "60000" && got.MessageId == "m" &&
		got.Timestamp.Equal(moment) && got.Type == "t" && got.UserId == "guest" && got.AppId == "a", "properties", got)
	must(got.Reject(false))
	dead := get(channel, "go.dead", true)
	deaths, _ := dead.Headers["x-death"].([]interface{})
	check(len(deaths) == 1, "x-death", dead.Headers)
	death := deaths[0].(amqp.Table)
	check(death["reason"] == "rejected" && death["queue"] == "go.q" && death["count"] == int64(1) && death["exchange"] == "", "x-death", death)
}

func inOrder(channel *amqp.Channel) {
	queue := declare(channel, "", nil)
	must(channel.Qos(5, 0, false))
	deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
	must(err)
	for number := 0; number < 20; number++ {
		publish(channel, "", queue, amqp.Publishing{Body: []byte(fmt.Sprint(number))})
	}
	for number := 0; number < 20; number++ {
		select {
		case delivery := <-deliveries:
			check(string(delivery.Body) == fmt.Sprint(number), "order", number, string(delivery.Body))
			must(delivery.Ack(false))
		case <-time.After(10 * time.Second):
			check(false, "nothing delivered")
		}
	}
}

// The four types; what matches nothing is returned.
func exchanges(channel *amqp.Channel) {
	returned := channel.NotifyReturn(make(chan amqp.Return, 10))
	coloured := func(body, colour string) amqp.Publishing {
		return amqp.Publishing{Headers: amqp.Table{"colour": colour, "size": 1}, Body: []byte(body)}
	}
	for _, each := range [][]string{{"direct", "k", "k", "j"}, {"fanout", "", "any"}, {"topic", "a.*.#", "a.b.c", "a"}, {"headers", "", "", ""}} {
		kind, binding, key, exchange := each[0], each[1], each[2], "go."+each[0]
		must(channel.ExchangeDeclare(exchange, kind, false, true, false, false, nil))
		queue := declare(channel, "", nil)
		arguments := amqp.Table{}
		if kind == "headers" {
			arguments = amqp.Table{"x-match": "all", "colour": "red", "size": 1}
		}
		must(channel.QueueBind(queue, binding, exchange, false, arguments))
		publish(channel, exchange, key, coloured(kind, "red"))
		check(string(get(channel, queue, true).Body) == kind, kind)
		if len(each) == 3 {
			continue
		}
		publish(channel, exchange, each[3], coloured("lost", "blue"))
		select {
		case back := <-returned:
			check(back.ReplyCode == 312 && back.Exchange == exchange && string(back.Body) == "lost", "return", back)
		case <-time.After(10 * time.Second):
			check(false, "not returned by "+kind)
		}
	}
}

func main() {
	url := "amqp://guest:guest@127.0.0.1:" + os.Args[1] + "/"
	connection, err := amqp.Dial(url)
	must(err)
	channel, err := connection.Channel()
	must(err)
	must(channel.Confirm(false))
	confirms = channel.NotifyPublish(make(chan amqp.Confirmation, 10))
	properties(channel)
	inOrder(channel)
	exchanges(channel)
	var refused *amqp.Error
	_, err = channel.QueueDeclarePassive("go.missing", false, false, false, false, nil)
	check(errors.As(err, &refused) && refused.Code == 404, "found", err)
	must(connection.Close())
	_, err = amqp.Dial(url + "nowhere")
	check(err != nil && (strings.Contains(err.Error(), "nowhere") || errors.Is(err, amqp.ErrVhost)), "let in", err)
	fmt.Println("ok")
}
