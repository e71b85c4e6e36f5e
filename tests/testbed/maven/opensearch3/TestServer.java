import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.codelibs.opensearch.runner.OpenSearchRunner;

/** Starts one OpenSearch 3 node from a folder that has its settings in {@code config/}. */
public final class TestServer {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        Path config = folder.resolve("config");
        new OpenSearchRunner()
            // Settings given here are the only ones the runner does not overrule.
            .onBuild((number, settings) -> {
                try {
                    settings.loadFromPath(config.resolve("opensearch.yml"));
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            })
            .build(
                "-basePath", folder.toString(),
                "-confPath", config.toString(),
                "-dataPath", folder.resolve("data").toString(),
                "-logsPath", folder.resolve("logs").toString(),
                "-numOfNode", "1",
                "-useLogger");
        // No thread of a node keeps the JVM alive.
        new CountDownLatch(1).await();
    }
}
