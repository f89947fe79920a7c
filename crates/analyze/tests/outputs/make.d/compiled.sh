# go, java, maven.
new go && {
    put go.mod <<< 'module example.org/shop

go 1.19'
    put main.go <<< 'package main

import (
	"fmt"
	"os"
)

func main() {
	total := "four" + 1
	fmt.Println(totl)
}'
    record gofmt-check go 'mkdir -p sub; printf "package  sub\n" > sub/b.go; printf "package sub\n\nfunc  a() {\n" > sub/c.go; gofmt -l . > report 2>&1; rm -r sub; true'
    report gofmt.txt
    record go-compile go 'go build ./...'
    put main.go <<< 'package main

func main() {
	fmt.Println("a"
}'
    record go-syntax go 'go build ./...'
    put main.go <<< 'package main

import "example.net/absent/thing"

func main() { thing.Do() }'
    record go-no-module go 'go build ./...'
    record go-network go 'GOPROXY=http://127.0.0.1:9 go build ./...'
    put main.go <<< 'package main

import "example.org/shop/stock"

func main() { stock.Do() }'
    record go-no-package go 'go build ./...'
    put main.go <<< 'package main

import "fmt"

type Item struct{ Price *int }

func price(item *Item) int {
	return *item.Price
}

func main() {
	fmt.Println(price(&Item{}))
}'
    record go-panic go 'go run .'
    put main.go <<< 'package main

func main() {
	ch := make(chan int)
	ch <- 1
}'
    record go-deadlock go 'go run .'
    put main.go <<< 'package main

import "fmt"

func Total(prices []int) (sum int) {
	for _, price := range prices[1:] {
		sum += price
	}
	return sum
}

func main() { fmt.Printf("%d\n", "x") }'
    put main_test.go <<< 'package main

import (
	"os"
	"testing"
)

func TestAddsUp(t *testing.T) {
	if got := Total([]int{1, 2, 3}); got != 6 {
		t.Errorf("got %d, want 6", got)
	}
}

func TestParts(t *testing.T) {
	t.Run("read", func(t *testing.T) {
		if _, err := os.ReadFile("prices.csv"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("fine", func(t *testing.T) {})
}

func TestSkipped(t *testing.T) { t.Skip("slow") }

func TestNothing(t *testing.T) { Total(nil) }'
    record go-vet go 'go vet ./...'
    sed -i 's/"%d\\n", "x"/"%d\\n", 1/' /srv/project/main.go
    record go-test go 'go test ./...'
    record go-json go 'go test -json ./... > report'
    report go.jsonl
    put main_test.go <<< 'package main

import (
	"testing"
	"time"
)

func TestWaits(t *testing.T) { time.Sleep(time.Minute) }'
    record go-timeout go 'go test -timeout 1s ./...'
    rm /srv/project/main_test.go
}
new java && {
    put Shop.java <<< 'import java.util.List;

public class Shop {
    static int total(List<Integer> prices) {
        int sum = "four";
        return summ;
    }

    public static void main(String[] args) {
        Prices.load();
    }
}'
    record javac-types javac 'javac Shop.java'
    put Shop.java <<< 'public class Shop {
    static int total() {
        return 1
    }
}'
    record javac-syntax javac 'javac Shop.java'
    put Shop.java <<< 'import com.google.common.collect.ImmutableList;
public class Shop {}'
    record javac-no-package javac 'javac Shop.java'
    put Shop.java <<< 'import java.nio.file.*;

public class Shop {
    static String load(String name) {
        try {
            return Files.readString(Path.of(name));
        } catch (java.io.IOException error) {
            throw new IllegalStateException("no prices in " + name, error);
        }
    }

    static int length(String text) {
        return text.length();
    }

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "load": load("prices.csv"); break;
            case "null": length(null); break;
            case "heap": var all = new java.util.ArrayList<byte[]>(); while (true) all.add(new byte[1 << 20]);
            case "stack": main(args); break;
            case "connect": new java.net.Socket("127.0.0.1", 9); break;
            case "port": var first = new java.net.ServerSocket(0); new java.net.ServerSocket(first.getLocalPort()); break;
            case "class": Class.forName("com.example.Absent"); break;
            case "assert": assert args.length == 2 : "two are needed"; break;
        }
    }
}'
    (cd /srv/project && javac Shop.java)
    for one in load null heap connect port class assert; do
        record "java-$one" java "java -ea -Xmx20m Shop $one"
    done
    record java-no-class java 'java Absent'
    rm /srv/project/*
    put pom.xml <<< '<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId><artifactId>shop</artifactId><version>1.0</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.x</version><scope>test</scope></dependency>
  </dependencies>
  <build><plugins>
    <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.10.1</version></plugin>
    <plugin><artifactId>maven-surefire-plugin</artifactId><version>2.22.3</version></plugin>
    <plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.0</version></plugin>
  </plugins></build>
</project>'
    put src/main/java/org/example/Shop.java <<< 'package org.example;

public class Shop {
    public static int total(int... prices) {
        int sum = 1;
        for (int price : prices) sum += price;
        return sum;
    }
}'
    put src/test/java/org/example/ShopTest.java <<< 'package org.example;

import static org.junit.Assert.*;
import org.junit.*;

public class ShopTest {
    @Test public void addsUp() {
        assertEquals(6, Shop.total(1, 2, 3));
    }

    @Test public void takesNothing() {
        Shop.total((int[]) null);
    }

    @Test public void isPositive() {
        assertTrue(Shop.total() > 0);
    }

    @Ignore @Test public void isFast() {}
}'
    mvn="mvn -o -B -ntp -Dmaven.repo.local=/usr/share/maven-repo"
    record mvn-test mvn "$mvn test"
    cp /srv/project/target/surefire-reports/TEST-*.xml /srv/project/report 2> /dev/null && report surefire.xml
    put src/main/java/org/example/Shop.java <<< 'package org.example;

public class Shop {
    public static int total(int... prices) {
        return "none";
    }
}'
    record mvn-compile mvn "$mvn compile"
    put src/main/java/org/example/Shop.java <<< 'package org.example;
public class Shop {}'
    rm -r /srv/project/src/test
    sed -i 's,<artifactId>junit</artifactId><version>4.x,<artifactId>absent</artifactId><version>1,' /srv/project/pom.xml
    record mvn-dependency mvn "$mvn test"
    record mvn-no-pom mvn "rm pom.xml; $mvn compile"
}
